/** Zip archives for tests, also such as no library would write. */

/** An entry as an archive states it. What is not given follows from the data. */
interface Stated {
  readonly name: string;
  readonly data: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly packed?: number;
  readonly header?: number;
  readonly ownName?: string;
}

/** UTF-8. */
export const text = (value: string) => new TextEncoder().encode(value);

/** An archive of these entries; `comment` stands at its end. */
export function zip(entries: readonly Stated[], comment = ""): Uint8Array {
  const parts: Buffer[] = [];
  const lines: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const { name, data, method = 0, flags = 0 } = entry;
    const { size = data.length, packed = data.length, header = at, ownName = name } = entry;
    const own = Buffer.alloc(30);
    own.writeUInt32LE(0x04034b50);
    own.writeUInt16LE(text(ownName).length, 26);
    own.writeUInt16LE(5, 28);
    // Padding that only this header mentions, as PyTorch pads.
    parts.push(own, Buffer.from(ownName), Buffer.alloc(5), Buffer.from(data));
    at += 35 + text(ownName).length + data.length;
    const line = Buffer.alloc(46);
    line.writeUInt32LE(0x02014b50);
    line.writeUInt16LE(flags, 8);
    line.writeUInt16LE(method, 10);
    line.writeUInt32LE(packed, 20);
    line.writeUInt32LE(size, 24);
    line.writeUInt16LE(text(name).length, 28);
    line.writeUInt32LE(header, 42);
    lines.push(line, Buffer.from(name));
  }
  const directory = Buffer.concat(lines);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return new Uint8Array(Buffer.concat([...parts, directory, end, Buffer.from(comment)]));
}
