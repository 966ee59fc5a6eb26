//! Whose certificates are believed.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::SetupError;

/// How TLS is spoken: with the system's certificate authorities, and with further ones that the operator named.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Loads the system's authorities and those in `extra_roots_pem`, the contents of a PEM file.
    ///
    /// # Errors
    /// [`SetupError::Roots`] when the PEM text holds no certificate or one that cannot be read. A system without
    /// authorities is only warned about: behind a private one it may be right.
    pub fn load(extra_roots_pem: Option<&[u8]>) -> Result<Self, SetupError> {
        let mut roots = system_roots();
        for root in extra_roots_pem.map(read_roots).transpose()?.into_iter().flatten() {
            roots.add(root).map_err(|error| SetupError::Roots(error.to_string()))?;
        }
        if roots.is_empty() {
            tracing::warn!("This system has no certificate authorities: no other server can be believed");
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| SetupError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn client_config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0)
    }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "Some of the system's certificate authorities cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

fn read_roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let roots: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| SetupError::Roots(error.to_string()))?;
    if roots.is_empty() { Err(SetupError::Roots("it holds no certificate".to_owned())) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(Trust::load(Some(pem.as_bytes())), Err(SetupError::Roots(_))), "{pem}");
        }
    }
}
