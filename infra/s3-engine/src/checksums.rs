//! The checksums that S3 offers besides MD5: which one a request asks for, and what it came to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{ChecksumAlgorithm, ChecksumType};
use serde::{Deserialize, Serialize};

/// Sets the field of an answer that belongs to a checksum, if there is one.
macro_rules! tell_checksum {
    ($answer:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let value = Some(checksum.value.clone());
            match checksum.algorithm {
                $crate::checksums::Algorithm::Crc32 => $answer.checksum_crc32 = value,
                $crate::checksums::Algorithm::Crc32c => $answer.checksum_crc32c = value,
                $crate::checksums::Algorithm::Crc64nvme => $answer.checksum_crc64nvme = value,
                $crate::checksums::Algorithm::Sha1 => $answer.checksum_sha1 = value,
                $crate::checksums::Algorithm::Sha256 => $answer.checksum_sha256 = value,
            }
        }
    };
}
pub(crate) use tell_checksum;

/// A checksum kept with an object or a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) algorithm: Algorithm,
    pub(crate) scope: Scope,
    /// Base64; a composite one ends in `-` and the number of parts.
    pub(crate) value: String,
}

/// A checksum that a multipart upload was started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) algorithm: Algorithm,
    pub(crate) scope: Scope,
}

/// What a multipart checksum is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Scope {
    /// All bytes of the object.
    FullObject,
    /// The checksums of the parts.
    Composite,
}

/// The algorithms S3 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// As it is written in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries its value.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn dto(self) -> ChecksumAlgorithm {
        ChecksumAlgorithm::from_static(self.name())
    }

    /// What S3 takes the checksum of a multipart upload of when the client does not say.
    pub(crate) fn usual_scope(self) -> Scope {
        if self == Self::Crc64nvme { Scope::FullObject } else { Scope::Composite }
    }

    /// The checksum of two runs of bytes joined, for those algorithms that can tell it from the runs' own.
    fn joined(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

impl Scope {
    pub(crate) fn dto(self) -> ChecksumType {
        ChecksumType::from_static(match self {
            Self::FullObject => ChecksumType::FULL_OBJECT,
            Self::Composite => ChecksumType::COMPOSITE,
        })
    }
}

/// What a request says about the checksum of its body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// `None`: no checksum is taken.
    pub(crate) algorithm: Option<Algorithm>,
    /// What the client says it is, if it says so before the body.
    pub(crate) value: Option<String>,
}

impl Wanted {
    /// Reads a value from `x-amz-checksum-*`, or at least the algorithm from one of the headers that announce it.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        for algorithm in Algorithm::ALL {
            if let Some(value) = text(algorithm.header()) {
                return Self { algorithm: Some(algorithm), value: Some(value.to_owned()) };
            }
        }
        let trailer = text("x-amz-trailer").unwrap_or_default();
        let announced = Algorithm::ALL.into_iter().find(|algorithm| trailer.trim() == algorithm.header());
        let named = || {
            text("x-amz-sdk-checksum-algorithm")
                .or_else(|| text("x-amz-checksum-algorithm"))
                .and_then(Algorithm::from_name)
        };
        Self { algorithm: announced.or_else(named), value: None }
    }
}

/// A checksum being taken.
pub(crate) enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64nvme(Crc64Nvme),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(Crc32::new()),
            Algorithm::Crc32c => Self::Crc32c(Crc32c::new()),
            Algorithm::Crc64nvme => Self::Crc64nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => Self::Sha1(Box::new(Sha1::new())),
            Algorithm::Sha256 => Self::Sha256(Box::new(Sha256::new())),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Crc32c(hasher) => hasher.update(bytes),
            Self::Crc64nvme(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Stored {
        let (algorithm, digest) = match self {
            Self::Crc32(hasher) => (Algorithm::Crc32, hasher.finalize().to_vec()),
            Self::Crc32c(hasher) => (Algorithm::Crc32c, hasher.finalize().to_vec()),
            Self::Crc64nvme(hasher) => (Algorithm::Crc64nvme, hasher.finalize().to_vec()),
            Self::Sha1(hasher) => (Algorithm::Sha1, hasher.finalize().to_vec()),
            Self::Sha256(hasher) => (Algorithm::Sha256, hasher.finalize().to_vec()),
        };
        Stored { algorithm, scope: Scope::FullObject, value: BASE64.encode(digest) }
    }
}

/// The checksum of a finished multipart upload from those of its parts, each with its size in bytes. `None` when
/// a part lacks one.
pub(crate) fn of_parts<'a>(
    asked: Asked,
    parts: impl IntoIterator<Item = (Option<&'a Stored>, u64)>,
) -> Option<Stored> {
    let digests = parts
        .into_iter()
        .map(|(checksum, size)| {
            let checksum = checksum.filter(|checksum| checksum.algorithm == asked.algorithm)?;
            Some((BASE64.decode(&checksum.value).ok()?, size))
        })
        .collect::<Option<Vec<_>>>()?;
    match asked.scope {
        Scope::Composite => Some(composite(asked.algorithm, &digests)),
        Scope::FullObject => full_object(asked.algorithm, &digests),
    }
}

fn composite(algorithm: Algorithm, digests: &[(Vec<u8>, u64)]) -> Stored {
    let mut hasher = Hasher::new(algorithm);
    for (digest, _) in digests {
        hasher.update(digest);
    }
    let of_all = hasher.finish();
    Stored { scope: Scope::Composite, value: format!("{}-{}", of_all.value, digests.len()), ..of_all }
}

fn full_object(algorithm: Algorithm, digests: &[(Vec<u8>, u64)]) -> Option<Stored> {
    let crc = algorithm.joined()?;
    let mut parts = digests.iter();
    let (first, _) = parts.next()?;
    let joined = parts.fold(from_be(first), |so_far, (digest, size)| {
        crc_fast::checksum_combine(crc, so_far, from_be(digest), *size)
    });
    let bytes = joined.to_be_bytes();
    let value = BASE64.encode(&bytes[bytes.len() - first.len()..]);
    Some(Stored { algorithm, scope: Scope::FullObject, value })
}

fn from_be(digest: &[u8]) -> u64 {
    digest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, bytes: &[u8]) -> Stored {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn the_full_checksum_of_parts_is_the_checksum_of_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64nvme] {
            let (left, right) = (of(algorithm, b"hello "), of(algorithm, b"world"));
            let asked = Asked { algorithm, scope: Scope::FullObject };
            let joined = of_parts(asked, [(Some(&left), 6), (Some(&right), 5)]);
            assert_eq!(joined, Some(of(algorithm, b"hello world")));
        }
    }

    #[test]
    fn a_composite_checksum_counts_its_parts() {
        let part = of(Algorithm::Sha256, b"x");
        let asked = Asked { algorithm: Algorithm::Sha256, scope: Scope::Composite };
        let whole = of_parts(asked, [(Some(&part), 1), (Some(&part), 1)]).unwrap();
        assert!(whole.value.ends_with("-2"));
        assert_eq!(of_parts(asked, [(Some(&part), 1), (None, 1)]), None);
    }

    #[test]
    fn crc32_is_the_one_everybody_knows() {
        // The check value of CRC-32/ISO-HDLC for "123456789" is CBF43926.
        assert_eq!(of(Algorithm::Crc32, b"123456789").value, BASE64.encode([0xcb, 0xf4, 0x39, 0x26]));
    }
}
