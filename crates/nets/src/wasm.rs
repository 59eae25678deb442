//! All that JavaScript can see of the core.
//!
//! Errors cross as objects { code, message, node }. A panic is a bug: its message is thrown as a plain string, by which the
//! other side knows that this instance can no longer be trusted.

use crate::error::{Code, Error};
use js_sys::{Object, Reflect};
use kernels::resize;
use wasm_bindgen::prelude::*;

#[cfg(not(feature = "webgpu"))]
mod core;
#[cfg(feature = "webgpu")]
mod gpu;

#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        let object = Object::new();
        let set = |key: &str, value: &str| {
            // Setting a property of a fresh plain object cannot fail.
            let _ = Reflect::set(&object, &key.into(), &value.into());
        };
        set("code", error.code.name());
        set("message", &error.to_string());
        if let Some(node) = &error.node {
            set("node", node);
        }
        object.into()
    }
}

/// Which build this is, in a section of the .wasm that can be read before it is instantiated.
const BUILD: &str = match (cfg!(target_feature = "relaxed-simd"), cfg!(feature = "threads")) {
    _ if cfg!(feature = "webgpu") => "webgpu",
    (false, false) => "simd128",
    (true, false) => "relaxed-simd",
    (false, true) => "simd128-threads",
    (true, true) => "relaxed-simd-threads",
};

#[used]
#[unsafe(link_section = "convzoo-build")]
static BUILD_SECTION: [u8; BUILD.len()] = *BUILD.as_bytes().first_chunk().expect("all of it");

#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| wasm_bindgen::throw_str(&info.to_string())));
}

/// Resizes gray, RGB or RGBA bytes as Pillow does; `filter` is Pillow's name in lower case. Of the result, gives the
/// rectangle of `columns` by `rows` pixels at `left` and `top`.
#[wasm_bindgen]
pub fn resize(
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    channels: usize,
    to_width: usize,
    to_height: usize,
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
    filter: &str,
) -> Result<Vec<u8>, JsValue> {
    let name = |f: &&resize::Filter| format!("{f:?}").eq_ignore_ascii_case(filter);
    let filter = resize::Filter::ALL.iter().find(name).copied().ok_or_else(|| {
        Error::new(
            Code::BadOption,
            format!("there is no filter {filter:?}: use nearest, box, bilinear, hamming, bicubic or lanczos"),
        )
    })?;
    let wanted = (left..left.saturating_add(columns), top..top.saturating_add(rows));
    resize::resize(pixels, (width, height), channels, (to_width, to_height), wanted, filter).map_err(|e| {
        let code =
            if matches!(e, resize::ResizeError::TooLarge { .. }) { Code::TooLarge } else { Code::BadImage };
        Error::new(code, e.to_string()).into()
    })
}
