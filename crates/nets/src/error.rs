//! What can go wrong in the core, with the codes that TypeScript's `ConvzooError` has.

/// A refusal: its code, a sentence for the user, and the layer it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub code: Code,
    pub message: String,
    /// The layer's path, where there is one.
    pub node: Option<String>,
}

/// A subset of the codes in `ts/src/errors.ts`; a test there compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    BadOption,
    BadNet,
    BadShape,
    NotFinite,
    TooLarge,
    BadImage,
    BadWeights,
    WeightShape,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Code::BadOption => "bad-option",
            Code::BadNet => "bad-net",
            Code::BadShape => "bad-shape",
            Code::NotFinite => "not-finite",
            Code::TooLarge => "too-large",
            Code::BadImage => "bad-image",
            Code::BadWeights => "bad-weights",
            Code::WeightShape => "weight-shape",
        }
    }
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error { code, message: message.into(), node: None }
    }

    pub fn at(self, path: &str) -> Self {
        Error { node: Some(path.to_string()), ..self }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match &self.node {
            Some(node) if !node.is_empty() => write!(f, "{node}: {}", self.message),
            _ => write!(f, "{}", self.message),
        }
    }
}

pub type Result<T> = std::result::Result<T, Error>;
