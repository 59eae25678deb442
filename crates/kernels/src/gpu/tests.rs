//! The shaders' texts, and the arithmetic of grids.

use super::{Limits, workgroups};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn every_text_is_valid() {
    use super::shaders;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    let mut names = std::collections::HashSet::new();
    for (name, text) in shaders() {
        assert!(names.insert(name), "{name} is there twice");
        let is_narrow = text.starts_with("enable f16;\n");
        assert_eq!(is_narrow, name.ends_with("_f16"), "{name}");
        // naga knows what subgroups do, not yet the word that enables them; that it comes first where they are used is seen here.
        let (has, uses) = (text.starts_with("enable subgroups;\n"), text.contains("subgroupAdd("));
        assert_eq!(
            (has, uses),
            [(false, false), (true, true)][name.ends_with("_subgroups") as usize],
            "{name}"
        );
        let text = text.replacen("enable subgroups;", "", 1);
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text)));
        // What every WebGPU has, if not every device below it: halves in pairs.
        let mut capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
        capabilities.set(Capabilities::SUBGROUP, has);
        capabilities.set(Capabilities::SHADER_FLOAT16, is_narrow);
        let valid = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
        valid.unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text)));
        let entries: Vec<&str> = module.entry_points.iter().map(|entry| &entry.name[..]).collect();
        assert_eq!(entries, ["main"], "{name}");
    }
}

#[test]
fn grids_have_room_for_all_and_fit_the_limits() {
    for count in [0, 1, 65535, 65536, 100_000, 65535 * 3 + 1, 1 << 24] {
        let [x, y, z] = workgroups(count);
        assert!(z == 1 && x.max(y) <= Limits::default().workgroups && x as usize * y as usize >= count);
        assert!((x as usize * y as usize) < count + y as usize, "{count}");
    }
}
