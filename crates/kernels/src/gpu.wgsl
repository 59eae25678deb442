// In front of every shader.

/// Where the pixel (x, y) of image n of a map lies, by the map's words: offset and steps in vec4s.
fn at(map: vec4<u32>, n: u32, y: u32, x: u32) -> u32 {
  return map.x + n * map.y + y * map.z + x * map.w;
}

/// A workgroup's number, of those that `gpu::workgroups` lays out in two axes.
fn index(workgroup: vec3<u32>, workgroups: vec3<u32>) -> u32 {
  return workgroup.y * workgroups.x + workgroup.x;
}

/// One vec4 of a map: `size` is the map's images, rows, columns and vec4s of a pixel.
struct Cell {
  n: u32,
  y: u32,
  x: u32,
  group: u32,
}

/// Number i of a map's vec4s; behind the last one, `n` is the number of images or more.
fn cell(i: u32, size: vec4<u32>) -> Cell {
  let pixel = i / size.w;
  let row = pixel / size.z;
  return Cell(row / size.y, row % size.y, pixel % size.z, i % size.w);
}
