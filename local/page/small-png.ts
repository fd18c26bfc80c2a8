import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE_BYTES = 8;
const CHANNELS = new Map([
  [2, 3], // colour type: RGB
  [6, 4], // RGBA
]);
const PALETTE_MAX = 256;

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 0xRRGGBB, row by row. */
  readonly colors: Uint32Array;
}

/**
 * Writes a screenshot with a palette, one byte for each pixel: a page of text in few colours needs no more. Colours beyond
 * the palette's 256 take the nearest in it. (PNG, third edition: w3.org/TR/png-3.)
 *
 * @param png - 8 bits a channel, RGB or RGBA, not interlaced, as browsers write them; transparency is dropped.
 */
export function smallPng(png: Buffer): Buffer {
  const { width, height, colors } = pixelsOf(png);
  const palette = commonest(colors);
  const indexOf = new Map([...palette].map((color, index) => [color, index]));
  const rows = Buffer.alloc(height * (width + 1)); // each row begins with its filter: 0, none
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const color = colors[y * width + x] ?? 0;
      const index = indexOf.get(color) ?? nearest(color, palette);
      indexOf.set(color, index);
      rows[y * (width + 1) + 1 + x] = index;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8); // 8 bits, palette
  const table = Buffer.from([...palette].flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]));
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    encoded('IHDR', header),
    encoded('PLTE', table),
    encoded('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    encoded('IEND', Buffer.alloc(0)),
  ]);
}

function pixelsOf(png: Buffer): Pixels {
  const chunks = chunksOf(png);
  const header = chunks.find((chunk) => chunk.type === 'IHDR')?.data ?? Buffer.alloc(13);
  const channels = CHANNELS.get(header[9] ?? 0);
  if (channels === undefined || header[8] !== 8 || header[12] !== 0) throw new Error('not a PNG as browsers write screenshots');
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const stride = width * channels;
  const filtered = inflateSync(Buffer.concat(chunks.flatMap((chunk) => (chunk.type === 'IDAT' ? [chunk.data] : []))));
  const colors = new Uint32Array(width * height);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y += 1) {
    const start = y * (stride + 1);
    const row = unfiltered(filtered[start] ?? 0, filtered.subarray(start + 1, start + 1 + stride), above, channels);
    for (let x = 0; x < width; x += 1) {
      const at = x * channels;
      colors[y * width + x] = ((row[at] ?? 0) << 16) | ((row[at + 1] ?? 0) << 8) | (row[at + 2] ?? 0);
    }
    above = row;
  }
  return { width, height, colors };
}

function unfiltered(filter: number, bytes: Uint8Array, above: Uint8Array, channels: number): Uint8Array<ArrayBuffer> {
  const row = new Uint8Array(bytes.length);
  for (let index = 0; index < bytes.length; index += 1) {
    const left = row[index - channels] ?? 0;
    const up = above[index] ?? 0;
    const corner = index < channels ? 0 : (above[index - channels] ?? 0);
    const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
    row[index] = (bytes[index] ?? 0) + predicted;
  }
  return row;
}

function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function commonest(colors: Uint32Array): number[] {
  const counts = new Map<number, number>();
  for (const color of colors) counts.set(color, (counts.get(color) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, PALETTE_MAX)
    .map(([color]) => color);
}

function nearest(color: number, palette: readonly number[]): number {
  let best = 0;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const [index, candidate] of palette.entries()) {
    const red = (color >> 16) - (candidate >> 16);
    const green = ((color >> 8) & 255) - ((candidate >> 8) & 255);
    const blue = (color & 255) - (candidate & 255);
    const distance = 2 * red * red + 4 * green * green + 3 * blue * blue; // eyes see green best
    if (distance < bestDistance) [best, bestDistance] = [index, distance];
  }
  return best;
}

function chunksOf(png: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

/** A chunk: length, type, data, and the CRC of type and data. */
function encoded(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}
