/**
 * Reads a listing of machine code.
 *
 * Each line has the bytes in hexadecimal, or none, then "| " and the assembler's text. Text that ends in a colon is a
 * label. A name in capitals among the bytes stands for an address of 8 bytes. Must not know what the code does.
 */

/** The code of one processor. */
export interface Processor {
  readonly listing: string;
  /** The 16 bytes of a stub: loads `key` into a register and jumps to `call`, `distance` bytes from the stub's start. */
  stub(key: number, distance: number): Uint8Array;
}

export interface MachineCode {
  readonly bytes: Uint8Array;
  /** The byte offset of each label. */
  readonly labels: ReadonlyMap<string, number>;
}

/** The bytes of a listing, with `addresses` for its names. */
export function codeOf(listing: string, addresses: Readonly<Record<string, number>>): MachineCode {
  const bytes: number[] = [];
  const labels = new Map<string, number>();
  for (const line of listing.trim().split("\n")) {
    const [hex = "", text = ""] = line.split("| ");
    if (text.endsWith(":")) labels.set(text.slice(0, -1), bytes.length);
    for (const part of hex.trim().split(" ")) {
      const address = addresses[part];
      bytes.push(...(address === undefined ? Buffer.from(part, "hex") : addressBytes(address)));
    }
  }
  return { bytes: Uint8Array.from(bytes), labels };
}

function addressBytes(address: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(address)).buffer);
}
