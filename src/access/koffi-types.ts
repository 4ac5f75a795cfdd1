/**
 * The parts of koffi's types that this library needs: its module, and its type objects.
 */

/** The functions needed of the program's koffi module; this library does not export its own. */
export interface Koffi<T> {
  /** koffi.struct */
  struct(name: string | null, members: KoffiMembers<T>): T;
  /** koffi.pack */
  pack?(name: string | null, members: KoffiMembers<T>): T;
  /** koffi.union */
  union?(name: string | null, members: KoffiMembers<T>): T;
  /** koffi.array */
  array(ref: KoffiSpec<T>, length: number, hint?: "Array"): T;
  /** koffi.alias */
  alias(name: string, type: KoffiSpec<T>): T;
}
/** Members by name; one whose alignment is not its type's own is a pair of alignment and type. */
export type KoffiMembers<T> = Record<string, KoffiSpec<T> | [number, KoffiSpec<T>]>;
/** A type or its name. NoInfer: T is inferred from what koffi's functions return, not from their parameters. */
export type KoffiSpec<T> = NoInfer<T> | string;

/** A type object of koffi 3: the part that describes its layout in memory. */
export interface KoffiType {
  /** The type's name in koffi. */
  readonly name: string;
  /** The kind of type: "Record", "Array", "Int32" and so on. */
  readonly primitive: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes: its address must be a multiple of this. */
  readonly alignment: number;
  /** Elements of an array. */
  readonly length?: number;
  /** "String" for an array of characters that holds a string. */
  readonly hint?: string;
  /** The type of an array's elements, or of a pointer's target. */
  readonly ref?: KoffiType;
  /** Members of a struct or union, by name. */
  readonly members?: Readonly<Record<string, { readonly type: KoffiType; readonly offset: number }>>;
}
