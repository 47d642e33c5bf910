/**
 * The Common Expression Language as Kubernetes uses it: pure, with the libraries of Kubernetes 1.36 and cost limits.
 * In: a source text and the types of its variables. Out: a program that can be evaluated, or every mistake with its
 * place. Source: the CEL specification and "Common Expression Language in Kubernetes".
 */
export { CompileError, CostError, EvaluationError } from './errors.ts';
export { Environment, perCallLimit, Program } from './environment.ts';
export { fromJson, toJson } from './json.ts';
export { globalFunction, type Library, memberFunction } from './overload.ts';
export * as types from './types.ts';
export type { FieldType, ObjectType, Type } from './types.ts';
export { List, Mapping, ObjectValue, OpaqueValue, Optional, type Value } from './values.ts';
