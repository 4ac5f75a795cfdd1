/** Imported before the tools: each block that can have pages of its own gets them. */
process.env.HEAPWRIGHT_GUARD = "1";
