/**
 * Rule files made of what other gateways read.
 *
 * @module
 */
export { type Conversion, convertScarf } from './scarf.ts';
