/**
 * Records and arrays refuse new properties: `record.agee = 3` throws, since the value would be lost.
 *
 * Owns the prototypes behind those of the classes: one with the methods, and at the end of the chain a proxy that throws. A
 * property that an object and its class do not have is looked up there, so access to fields is not slowed down.
 * Object.preventExtensions() would cost a call per object, and force V8 to allocate records that it now does not.
 */

import { show, typeError } from "../errors.js";
import { NULL } from "../memory/memory.js";

/** A class's text for the error: what can be set instead. */
const advice = Symbol("advice");

const end = new Proxy(Object.create(Object.prototype) as object, {
  set(_target, name, _value, object: { readonly [advice]: string }) {
    throw typeError(
      "ERR_INVALID_ARG",
      `there is no property ${show(String(name))} to set; ${object[advice]}`,
    );
  },
});

/**
 * Adds methods to a class, which fields of the same name hide, and makes its objects refuse every property that is neither
 * in `own`, which the constructor sets, nor on the class's prototype. `told` becomes part of the error.
 */
export function close(
  type: { readonly prototype: object },
  own: readonly PropertyKey[],
  told: string,
  methods: object,
): void {
  const behind = Object.create(end, Object.getOwnPropertyDescriptors(methods)) as object;
  for (const name of Reflect.ownKeys(behind)) Object.defineProperty(behind, name, { enumerable: false });
  Object.defineProperty(behind, advice, { value: told });
  // A constructor's assignments look along the chain too: properties on the prototype stop them before the proxy.
  for (const name of own) Object.defineProperty(type.prototype, name, { value: NULL, writable: true });
  Object.setPrototypeOf(type.prototype, behind);
}
