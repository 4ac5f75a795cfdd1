/** What --help says. */
export const HELP = `heapwright: see into the memory of a program that uses it

  npx heapwright run [options] program [arguments]
      Runs a program in Node with these, in all its threads and in the processes that it starts:

      --leaks[=FILE.json]  report at the end what is not freed, and which lines allocated it:
                           on standard error, or as data for "heapwright leaks"
      --profile FILE       sample which lines allocate how much; the name ends in
                             .heapprofile           for Chrome's DevTools and VS Code: what is live
                             .allocated.heapprofile the same: what was allocated
                             .pb.gz                 for pprof: both (needs the package pprof-format)
                             .html                  a flame graph: both
                           a worker that ends by itself writes FILE with .worker-N in its name
      --map FILE           draw the heap as it is at the end: a page (.html), or data (.json)
                           for "heapwright map"
      --trace              a line on standard error for each step of the heap
      --debug              catch wrong accesses, and name who forgot what
      --guard[=N]          give one block of N (50000) pages of its own: a wrong access to it ends
                           the program where it happens, C's too, and is then explained here

      The program is a file that Node runs. Node's own options go before: node --import tsx
      node_modules/.bin/heapwright run app.ts, or into NODE_OPTIONS. Its exit code and its signals
      are passed on. A program that a signal ends writes nothing: let it end, or call
      heapMap(), leaks.report() and writeProfile() of heapwright/debug in it.

  npx heapwright map FILE.json [--output FILE.html]
      Makes a page of a saved map; beside it, if not said otherwise.

  npx heapwright leaks FILE.json [--lines N]
      Shows a saved report of leaks, 200 lines of it if not said otherwise.

  npx heapwright explain NOTE [ADDRESS]
      Says which block a wrong access was meant for: the one that ended the program which left
      that note in the folder HEAPWRIGHT_GUARD_NOTES, or one at an address.

  npx heapwright --help
`;
