/** What a pickle becomes here: data, of which nothing was called. Shared and circular parts are the same objects. */

/** Tuples, lists and sets are arrays; a Python 2 string that is not UTF-8 is bytes. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Dict
  | Global
  | Call
  | Reference;

export type Dict = Map<Value, Value>;

/** A name of Python's, such as torch.FloatStorage. */
export class Global {
  constructor(readonly name: string) {}
}

/** A call that Python would have made. */
export class Call {
  constructor(
    readonly callee: string,
    readonly args: readonly Value[],
  ) {}
}

/** Something outside of the pickle: PyTorch's storages. */
export class Reference {
  constructor(readonly id: readonly Value[]) {}
}
