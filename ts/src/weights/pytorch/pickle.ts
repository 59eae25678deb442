/**
 * Reads Python's pickles (protocols 2 to 5, as pickletools documents them) as data. It is a machine with a stack and a memo, as
 * Python's is, but one that calls nothing: a call is noted, and only names of a closed list may appear in it.
 */
import { decodeUtf8 } from "../text.js";
import { called, isAllowed, modernName } from "./globals.js";
import { Global, Reference, type Value } from "./value.js";

/** How a reader refuses: a file that breaks the rules (`key` is the tensor to blame), or one that names code. */
export interface Refuse {
  readonly damaged: (message: string, key?: string) => never;
  readonly unsafe: (what: string) => never;
}

/** The bytes ended before the pickle did. */
export class OutOfBytes extends Error {}

/** What one pickle holds. */
export interface Pickle {
  readonly value: Value;
  /** Everything it refers to outside of itself. */
  readonly references: readonly Reference[];
  /** Just behind it. */
  readonly end: number;
}

/** Some times what the largest checkpoints of networks here take, optimiser included. Bounds time and memory. */
const MAX_STEPS = 2 ** 20;
const MAX_INTEGER_BYTES = 1024;
const MAX_NAME_BYTES = 1024;

/** Opcodes that PyTorch never writes, by their names in pickletools; those that are in no pickle are named by number. */
const REFUSED: Readonly<Record<number, string>> = {
  40: "MARK",
  46: "STOP",
  50: "DUP",
  70: "FLOAT",
  73: "INT",
  76: "LONG",
  80: "PERSID",
  83: "STRING",
  86: "UNICODE",
  100: "DICT",
  103: "GET",
  105: "INST",
  108: "LIST",
  111: "OBJ",
  112: "PUT",
  130: "EXT1",
  131: "EXT2",
  132: "EXT4",
  146: "NEWOBJ_EX",
  151: "NEXT_BUFFER",
  152: "READONLY_BUFFER",
};

/**
 * Reads the pickle that begins at byte `start`. Throws {@link OutOfBytes} where the bytes end first, and what `refuse` throws.
 */
export function unpickle(bytes: Uint8Array, start: number, refuse: Refuse): Pickle {
  return new Machine(bytes, start, refuse).run();
}

class Machine {
  private readonly view: DataView;
  private readonly stack: Value[] = [];
  /** Where on the stack each open list of items begins. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, Value>();
  private readonly references: Reference[] = [];
  private steps = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly refuse: Refuse,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Pickle {
    for (;;) {
      this.spend(1);
      const opcode = this.uint8();
      if (opcode === 0x2e) {
        return { value: this.pop(), references: this.references, end: this.at };
      }
      const value = this.step(opcode);
      if (value !== undefined) this.stack.push(value);
    }
  }

  /** Does what an opcode says; gives what it pushes, if it pushes something. */
  private step(opcode: number): Value | undefined {
    switch (opcode) {
      case 0x80: // PROTO
        if (this.uint8() > 5) this.refuse.damaged("its pickle is of a protocol that is not known here");
        return undefined;
      case 0x95: // FRAME: how the writer buffered
        this.take(8);
        return undefined;

      case 0x28: // MARK
        this.marks.push(this.stack.length);
        return undefined;
      case 0x30: // POP
        this.pop();
        return undefined;
      case 0x31: // POP_MARK
        this.popItems();
        return undefined;

      case 0x4e: // NONE
        return null;
      case 0x88: // NEWTRUE
        return true;
      case 0x89: // NEWFALSE
        return false;
      case 0x4a: // BININT
        return this.view.getInt32(this.take(4), true);
      case 0x4b: // BININT1
        return this.uint8();
      case 0x4d: // BININT2
        return this.view.getUint16(this.take(2), true);
      case 0x8a: // LONG1
        return this.integer(this.uint8());
      case 0x8b: // LONG4
        return this.integer(this.uint32());
      case 0x47: // BINFLOAT
        return this.view.getFloat64(this.take(8));

      case 0x8c: // SHORT_BINUNICODE
        return this.text(this.uint8());
      case 0x58: // BINUNICODE
        return this.text(this.uint32());
      case 0x8d: // BINUNICODE8
        return this.text(this.uint64());
      case 0x55: // SHORT_BINSTRING
        return this.oldString(this.uint8());
      case 0x54: // BINSTRING
        return this.oldString(this.uint32());
      case 0x43: // SHORT_BINBYTES
        return this.chunk(this.uint8());
      case 0x42: // BINBYTES
        return this.chunk(this.uint32());
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.chunk(this.uint64());

      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        return [];
      case 0x7d: // EMPTY_DICT
        return new Map();
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        return this.popItems();
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.popCount(opcode - 0x84);
      case 0x61: // APPEND
        return this.append([this.pop()]);
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        return this.append(this.popItems());
      case 0x73: // SETITEM
        return this.setItems(this.popCount(2));
      case 0x75: // SETITEMS
        return this.setItems(this.popItems());

      case 0x68: // BINGET
        return this.recall(this.uint8());
      case 0x6a: // LONG_BINGET
        return this.recall(this.uint32());
      case 0x71: // BINPUT
        this.memo.set(this.uint8(), this.top());
        return undefined;
      case 0x72: // LONG_BINPUT
        this.memo.set(this.uint32(), this.top());
        return undefined;
      case 0x94: // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return undefined;

      case 0x63: // GLOBAL
        return this.global(this.line(), this.line());
      case 0x93: // STACK_GLOBAL
        return this.global(...(this.popCount(2) as [Value, Value]));
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        return this.call(...(this.popCount(2) as [Value, Value]));
      case 0x62: // BUILD: attributes of an object, of which no weight has any that matter
        this.pop();
        this.top();
        return undefined;
      case 0x51: // BINPERSID
        return this.reference(this.pop());

      default: {
        const name = REFUSED[opcode];
        const hex = `0x${opcode.toString(16).padStart(2, "0")}`;
        return this.refuse.unsafe(
          `the pickle opcode ${name ? `${name} (${hex})` : hex} at byte ${this.at - 1}`,
        );
      }
    }
  }

  private spend(steps: number): void {
    this.steps += steps;
    if (this.steps > MAX_STEPS)
      this.refuse.damaged(`its pickle takes more than ${MAX_STEPS} steps to read, more than weights do`);
  }

  /** Where the next bytes begin; moves behind them. */
  private take(count: number): number {
    const begin = this.at;
    if (count > this.bytes.length - begin) throw new OutOfBytes();
    this.at += count;
    return begin;
  }

  private chunk(count: number): Uint8Array {
    const begin = this.take(count);
    return this.bytes.subarray(begin, begin + count);
  }

  private uint8(): number {
    return this.bytes[this.take(1)]!;
  }

  private uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  private uint64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  /** Two's complement, little-endian. */
  private integer(count: number): number | bigint {
    if (count > MAX_INTEGER_BYTES) this.refuse.damaged(`its pickle has an integer of ${count} bytes`);
    this.spend(count);
    let value = 0n;
    const digits = this.chunk(count);
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]!);
    value = BigInt.asIntN(8 * count, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  private text(count: number): string {
    const bytes = this.chunk(count);
    return decodeUtf8(bytes) ?? this.refuse.damaged("its pickle has a text that is not valid UTF-8");
  }

  private oldString(count: number): string | Uint8Array {
    const bytes = this.chunk(count);
    return decodeUtf8(bytes) ?? bytes;
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    const length = (end < 0 ? this.bytes.length : end) - this.at;
    if (length > MAX_NAME_BYTES)
      this.refuse.damaged(`its pickle has a name of more than ${MAX_NAME_BYTES} bytes`);
    if (end < 0) throw new OutOfBytes();
    this.spend(length);
    const text = this.text(length);
    this.take(1);
    return text;
  }

  private top(): Value {
    if (this.stack.length <= (this.marks.at(-1) ?? 0))
      this.refuse.damaged("its pickle takes what is not there");
    return this.stack.at(-1)!;
  }

  private pop(): Value {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  private popCount(count: number): Value[] {
    const begin = this.stack.length - count;
    if (begin < (this.marks.at(-1) ?? 0)) this.refuse.damaged("its pickle takes what is not there");
    return this.stack.splice(begin);
  }

  private popItems(): Value[] {
    const begin = this.marks.pop();
    return begin === undefined
      ? this.refuse.damaged("its pickle ends a list that it did not begin")
      : this.stack.splice(begin);
  }

  private append(items: readonly Value[]): undefined {
    const list = this.top();
    if (!Array.isArray(list)) return this.refuse.damaged("its pickle appends to what is no list");
    for (const item of items) list.push(item);
    return undefined;
  }

  private setItems(items: readonly Value[]): undefined {
    const dict = this.top();
    if (!(dict instanceof Map))
      return this.refuse.damaged("its pickle sets an item of what is no dictionary");
    if (items.length % 2 !== 0) this.refuse.damaged("its pickle sets a key to nothing");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
    return undefined;
  }

  private recall(index: number): Value {
    const value = this.memo.get(index);
    return value === undefined ? this.refuse.damaged(`its pickle lacks what it calls ${index}`) : value;
  }

  private global(module: Value, name: Value): Global {
    if (typeof module !== "string" || typeof name !== "string")
      return this.refuse.damaged("its pickle has a name that is no text");
    const full = modernName(module, name);
    return isAllowed(full) ? new Global(full) : this.refuse.unsafe(full);
  }

  private call(callee: Value, args: Value): Value {
    // Arguments may be passed again and again by the memo, and what becomes a dictionary is copied: each time is paid for.
    if (Array.isArray(args)) {
      this.spend(args.length);
      for (const arg of args) this.spend(sizeOf(arg));
    }
    const result = called(callee, args);
    if (result !== undefined) return result;
    return this.refuse.unsafe(`a call of what is no function (at byte ${this.at - 1})`);
  }

  private reference(id: Value): Reference {
    if (!Array.isArray(id)) return this.refuse.damaged("its pickle refers to something that is no storage");
    const reference = new Reference(id);
    this.references.push(reference);
    return reference;
  }
}

function sizeOf(value: Value): number {
  if (value instanceof Map) return value.size;
  return Array.isArray(value) ? value.length : 0;
}
