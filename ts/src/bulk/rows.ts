/** What a job found, as files: a line of JSON an image, or columns. */
import type { Peak } from "../dense/peaks.js";
import type { ErrorCode } from "../errors.js";
import type { Classification } from "../model.js";
import type { FORMATS, Settings } from "./settings.js";

/** What was found on an image. */
export type Row = { readonly file: string } & (
  | { readonly top: readonly Classification[] }
  | { readonly embedding: Float32Array }
  | { readonly index: number; readonly label: string; readonly peaks: readonly Peak[] }
);

/** An image without results. */
export interface Failed {
  readonly file: string;
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** Lines of JSON. */
export function lines(rows: readonly (Row | Failed)[]): string {
  const plain = (_: string, value: unknown) => (value instanceof Float32Array ? [...value] : value);
  return rows.map((row) => `${JSON.stringify(row, plain)}\n`).join("");
}

/** A job's results in each of the formats. */
export async function written(
  rows: readonly Row[],
  { give, formats }: Settings,
): Promise<readonly (readonly [(typeof FORMATS)[number], string | Uint8Array])[]> {
  return Promise.all(
    formats.map(
      async (format) => [format, format === "jsonl" ? lines(rows) : await parquet(rows, give)] as const,
    ),
  );
}

type ColumnType = "STRING" | "INT32" | "DOUBLE";

/** Apache Parquet: a row a class, an image (with a list of floats), or a peak. */
async function parquet(rows: readonly Row[], give: Settings["give"]): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  if (give === "embedding") {
    const data = rows.map((row) => ("embedding" in row ? [...row.embedding] : []));
    return new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: "file", data: rows.map(({ file }) => file) },
          { name: "embedding", data },
        ],
        schema: [
          { name: "root", num_children: 2 },
          { name: "file", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
          { name: "embedding", converted_type: "LIST", repetition_type: "REQUIRED", num_children: 1 },
          { name: "list", repetition_type: "REPEATED", num_children: 1 },
          { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
        ],
      }),
    );
  }
  const flat: Readonly<Record<string, unknown>>[] =
    give === "topk" ? rows.flatMap(classes) : rows.flatMap(places);
  const columns: Readonly<Record<string, ColumnType>> = give === "topk" ? CLASSES : PLACES;
  const columnData = Object.entries(columns).map(([name, type]) => ({
    ...{ name, type, nullable: false },
    data: flat.map((row) => row[name]),
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

const CLASSES = {
  ...({ file: "STRING", rank: "INT32", index: "INT32", label: "STRING" } as const),
  ...({ score: "DOUBLE", probability: "DOUBLE" } as const),
};

const classes = (row: Row) =>
  "top" in row ? row.top.map((one, i) => ({ file: row.file, rank: i + 1, ...one })) : [];

const PLACES = {
  ...({ file: "STRING", index: "INT32", label: "STRING", score: "DOUBLE" } as const),
  ...({ x: "DOUBLE", y: "DOUBLE", width: "DOUBLE", height: "DOUBLE" } as const),
};

const places = (row: Row) =>
  "peaks" in row
    ? row.peaks.map(({ score, box }) => ({
        file: row.file,
        index: row.index,
        label: row.label,
        score,
        ...box,
      }))
    : [];
