// The largest number of each output's cells.

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  join(local);
  let w = window_of(workgroup, workgroups, local);
  var share = vec4(-3.4028234e38);
  if w.is_there {
    for (var i = local / GROUPS; i < w.count; i += 256 / GROUPS) {
      share = max(share, x[cell_of(w, i)]);
    }
  }
  let all = largest_of(local, share);
  if w.is_there && local < GROUPS {
    y[at(params.y, w.c.n, w.c.y, w.c.x) + w.group] = all;
  }
}
