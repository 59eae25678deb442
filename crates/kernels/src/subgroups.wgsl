// In front of the shaders whose sums are made by subgroups first. Nothing is assumed of which invocations make a subgroup: it is
// known by the first of them, and numbered by how many such there are before that one.

/// A bit for each invocation that is the first of its subgroup.
var<workgroup> firsts: array<atomic<u32>, 8>;
/// Whether this one is, the number of its subgroup, and how many there are: none has fewer than 4 invocations.
var<private> is_first: bool;
var<private> team: u32;
var<private> teams: u32;

/// Comes before all sums. All of the workgroup must come here, as to whatever has barriers.
fn join(local: u32) {
  is_first = subgroupMin(local) == local;
  if is_first {
    atomicOr(&firsts[local / 32], 1u << (local % 32));
  }
  workgroupBarrier();
  for (var i = 0u; i < 8; i++) {
    let bits = atomicLoad(&firsts[i]);
    let before = select(bits, bits & ((1u << (local % 32)) - 1), i == local / 32);
    team += select(0, countOneBits(before), i <= local / 32);
    teams += countOneBits(bits);
  }
}
