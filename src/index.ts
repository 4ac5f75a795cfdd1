export { free, malloc } from "./malloc.js";
