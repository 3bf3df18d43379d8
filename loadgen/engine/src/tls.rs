//! TLS as a client: certificates and keys from files, whom to trust, and what a failure means to the user.
//!
//! Not the bytes on a socket (see `io::tls_stream`). Invariant: every connection makes a full handshake
//! (nothing is resumed), so that connect times compare; without `--insecure` no certificate is accepted unchecked, with it every
//! one is, of whatever version.

use crate::error::Failure;
use crate::files;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    Error, InconsistentKeys, RootCertStore, SignatureScheme,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the user said about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TlsOptions {
    /// PEM file with the authorities to trust.
    pub cacert: Option<PathBuf>,
    /// Folder of such files.
    pub cacertdir: Option<PathBuf>,
    /// PEM file with the client's certificate, and its chain if there is one.
    pub cert: Option<PathBuf>,
    /// PEM file with the key of that certificate.
    pub key: Option<PathBuf>,
    /// Accept any certificate.
    pub trust: Trust,
    /// Name to ask for and to expect in the certificate, in place of the host's.
    pub sni: Option<String>,
}

/// Whether the server's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Trust {
    /// Against the authorities given, or those of the system.
    #[default]
    Checked,
    /// Not at all.
    Anyone,
}

/// A way to speak TLS: authorities, client certificate, name, read from the files of its options. Cheap to clone.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    options: Arc<TlsOptions>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A server that speaks TLS, and how to speak to it. Plain data: the files are read where the connection is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TlsEndpoint {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The name that its certificate must hold.
    name: String,
    options: Arc<TlsOptions>,
}

/// One client for each set of options that a run uses, so that files are read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsClients(Vec<TlsClient>);

impl TlsClients {
    /// Reads the files for these servers.
    ///
    /// # Errors
    /// As [`TlsClient::new`].
    pub(crate) fn new<'a>(
        endpoints: impl Iterator<Item = &'a TlsEndpoint>,
    ) -> Result<Self, Failure> {
        let mut clients = Self::default();
        for endpoint in endpoints {
            if clients.find(endpoint).is_none() {
                clients.0.push(TlsClient::new(&endpoint.options)?);
            }
        }
        Ok(clients)
    }

    fn find(&self, endpoint: &TlsEndpoint) -> Option<&TlsClient> {
        self.0.iter().find(|client| client.options == endpoint.options)
    }

    /// A connection that has not begun its handshake.
    ///
    /// # Errors
    /// The name cannot be asked for, or the server is not one of those whose files were read.
    pub(crate) fn connection(&self, endpoint: &TlsEndpoint) -> io::Result<ClientConnection> {
        match self.find(endpoint) {
            Some(client) => client.connection(endpoint),
            None => endpoint.connection(),
        }
    }
}

impl TlsClient {
    /// Reads the files and prepares the client.
    ///
    /// # Errors
    /// A file is missing or holds no certificate or key, or the two do not belong together (exit 2).
    pub fn new(options: &TlsOptions) -> Result<Self, Failure> {
        let provider = Arc::new(ring::default_provider());
        let unusable = |error: Error| Failure::usage(format!("TLS cannot be set up: {error}"));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let accepted = match options.trust {
            Trust::Anyone => Accepted::Anyone,
            Trust::Checked => {
                let (roots, given) = authorities(options)?;
                let provider = Arc::clone(&provider);
                let issued = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| Failure::usage(format!("TLS cannot be set up: {error}")))?;
                Accepted::IssuedOrGiven { issued, given }
            }
        };
        let verifier = Arc::new(Verifier { accepted, provider });
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match (&options.cert, &options.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let own = own_certificate(cert, key, builder.crypto_provider())?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
            }
            _ => return Err(Failure::usage("a client certificate needs both --cert and --key")),
        };
        config.resumption = Resumption::disabled();
        if let Some(name) = &options.sni {
            server_name(name, "--sni")?;
        }
        Ok(Self { config: Arc::new(config), options: Arc::new(options.clone()) })
    }

    /// The server at `addr`, which the user calls `host`.
    ///
    /// # Errors
    /// `host` can stand in no certificate (exit 2).
    pub fn endpoint(&self, host: &str, addr: SocketAddr) -> Result<TlsEndpoint, Failure> {
        let name = self.options.sni.as_deref().unwrap_or(host);
        server_name(name, "the host")?;
        Ok(TlsEndpoint { addr, name: name.to_owned(), options: Arc::clone(&self.options) })
    }

    /// A connection to `endpoint` that has not begun its handshake.
    fn connection(&self, endpoint: &TlsEndpoint) -> io::Result<ClientConnection> {
        let name = ServerName::try_from(endpoint.name.clone()).map_err(io::Error::other)?;
        ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)
    }
}

impl TlsEndpoint {
    /// A connection that has not begun its handshake. Reads the files of its options: for single connections only.
    ///
    /// # Errors
    /// A file cannot be used, or the name cannot be asked for.
    pub fn connection(&self) -> io::Result<ClientConnection> {
        let client = TlsClient::new(&self.options);
        client.map_err(|failure| io::Error::other(failure.message))?.connection(self)
    }

    /// Another server of the same kind, as a cluster names its nodes.
    pub(crate) fn sibling(&self, host: &str, addr: SocketAddr) -> Self {
        let is_name = ServerName::try_from(host.to_owned()).is_ok();
        let host = if is_name { host.to_owned() } else { addr.ip().to_string() };
        let name = self.options.sni.clone().unwrap_or(host);
        Self { addr, name, options: Arc::clone(&self.options) }
    }
}

fn server_name(name: &str, what: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(name.to_owned()).map_err(|_| {
        Failure::usage(format!(
            "{what} '{name}' is no name a certificate can hold; give --sni NAME"
        ))
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let bad = |why: String| {
        Failure::usage(format!("{}: {why}; give a PEM file with certificates", file.display()))
    };
    let pem = files::read(file).map_err(|error| bad(error.to_string()))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(error.to_string()))?;
    if found.is_empty() { Err(bad("it holds no certificate".to_owned())) } else { Ok(found) }
}

/// The client's certificate with its key. What the certificate says is the server's to judge: many are of X.509 version 1,
/// which `openssl x509 -req` makes without `-extfile`, and servers take them.
fn own_certificate(
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Failure> {
    let chain = certificates(cert)?;
    let bad_key = |error: &dyn fmt::Display| {
        Failure::usage(format!(
            "--key {}: {error}; give a PEM file with an unencrypted private key",
            key.display()
        ))
    };
    let pem = files::read(key).map_err(|error| bad_key(&error))?;
    let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| bad_key(&error))?;
    let secret = provider.key_provider.load_private_key(secret).map_err(|error| bad_key(&error))?;
    let own = CertifiedKey::new(chain, secret);
    match own.keys_match() {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(Failure::usage(format!(
                "--cert {} and --key {} do not work together: the key is of another certificate; give the one that the \
                 certificate was made with",
                cert.display(),
                key.display()
            )))
        }
        Err(Error::InvalidCertificate(CertificateError::BadEncoding)) => Err(Failure::usage(
            format!("--cert {}: its certificate is damaged; give one in PEM", cert.display()),
        )),
        // It matches, or what is no certificate of version 3 was not looked at.
        Ok(()) | Err(_) => Ok(own),
    }
}

/// Whom to trust: those that were given, else those of the system; and the certificates that were given.
fn authorities(
    options: &TlsOptions,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Failure> {
    let (mut store, mut given) = (RootCertStore::empty(), Vec::new());
    if let Some(file) = &options.cacert {
        for certificate in certificates(file)? {
            store
                .add(certificate.clone())
                .map_err(|error| Failure::usage(format!("--cacert {}: {error}", file.display())))?;
            given.push(certificate);
        }
    }
    if let Some(dir) = &options.cacertdir {
        let found = rustls_native_certs::load_certs_from_paths(None, Some(dir)).certs;
        let (added, _) = store.add_parsable_certificates(found.iter().cloned());
        if added == 0 {
            return Err(Failure::usage(format!(
                "--cacertdir {}: there is no certificate in it; give a folder prepared with `openssl rehash`",
                dir.display()
            )));
        }
        given.extend(found);
    }
    if options.cacert.is_none() && options.cacertdir.is_none() {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            return Err(Failure::usage(
                "this system trusts no authority; give the server's with --cacert FILE, or --insecure",
            ));
        }
    }
    Ok((store, given))
}

/// Whom the verifier accepts.
#[derive(Debug)]
enum Accepted {
    /// Whatever certificate comes.
    Anyone,
    /// Whom an authority has vouched for, and, as a test server's often signed itself, the very certificates that were given.
    IssuedOrGiven { issued: Arc<WebPkiServerVerifier>, given: Vec<CertificateDer<'static>> },
}

/// Looks at a server's certificate, and whether the server holds its key; at neither if any certificate is accepted. The
/// library reads keys of version 3 only, and a server that may show any certificate may show one of its own making.
#[derive(Debug)]
struct Verifier {
    accepted: Accepted,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Accepted::IssuedOrGiven { issued, given } = &self.accepted else {
            return Ok(ServerCertVerified::assertion());
        };
        let verdict =
            issued.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        // Its dates were looked at first, and are other errors; whether an authority issued it does not matter
        // where it was named itself. Whether it is for this server does.
        match verdict {
            Err(Error::InvalidCertificate(
                CertificateError::Other(_) | CertificateError::UnknownIssuer,
            )) if given.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if matches!(self.accepted, Accepted::Anyone) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if matches!(self.accepted, Accepted::Anyone) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A failure of TLS as an I/O error whose text says what to do about it.
pub(crate) fn failure(error: &Error) -> io::Error {
    let (kind, remedy) = match error {
        Error::InvalidCertificate(why) => (io::ErrorKind::InvalidData, certificate_remedy(why)),
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::HandshakeFailure,
        ) => {
            let remedy = "the server may want a client certificate: give --cert and --key";
            (io::ErrorKind::InvalidData, remedy)
        }
        Error::AlertReceived(_) => {
            (io::ErrorKind::InvalidData, "the server refused us; check --cert, --key and --sni")
        }
        Error::InvalidMessage(_) => (
            io::ErrorKind::InvalidData,
            "is that the server's TLS port? leave out --tls if it speaks none",
        ),
        _ => (io::ErrorKind::InvalidData, "check that the server speaks TLS 1.2 or 1.3 there"),
    };
    let what = match error {
        Error::InvalidCertificate(why) => certificate_in_words(why),
        other => other.to_string(),
    };
    io::Error::new(kind, format!("TLS: {what} ({remedy})"))
}

/// Bytes on a sound connection could not be decrypted, so the engine closed it.
#[derive(Debug)]
struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS: {}", self.0)
    }
}

impl std::error::Error for Broken {}

/// A failure of TLS after the handshake.
pub(crate) fn failure_later(error: &Error) -> io::Error {
    match error {
        // TLS 1.3 judges the client's certificate after the client's part of the handshake.
        Error::AlertReceived(_) | Error::InvalidCertificate(_) => failure(error),
        other => io::Error::new(io::ErrorKind::InvalidData, Broken(other.to_string())),
    }
}

/// Whether a connection failed because its bytes could not be decrypted.
pub(crate) fn is_broken(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Broken>())
}

/// What is wrong with a server's certificate; the library says it in its own identifiers.
fn certificate_in_words(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "the server's certificate is of an unknown authority",
        CertificateError::BadSignature => "the server's certificate has a wrong signature",
        CertificateError::NotValidForName => "the server's certificate has another name",
        CertificateError::NotValidForNameContext { expected, .. } => {
            return format!("the server's certificate is not for {}", expected.to_str());
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet"
        }
        other if is_version_1(other) => {
            "the server's certificate is of X.509 version 1, which can name no host"
        }
        _ => "the server's certificate is not one for a server, but perhaps an authority's own",
    }
    .to_owned()
}

/// Whether a certificate is older than version 3, as the library's words for it say.
fn is_version_1(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(inner) if format!("{inner:?}").contains("UnsupportedCertVersion"))
}

fn certificate_remedy(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "give the certificate of its authority with --cacert FILE, or --insecure to accept any"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name: connect by that name, give it with --sni, or --insecure to accept any"
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "renew the server's certificate or mend the clock, or --insecure to accept any"
        }
        other if is_version_1(other) => {
            "make one of version 3 with the host's name and give it with --cacert cert.pem: openssl req -x509 -newkey \
             rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem -subj /CN=HOST -addext subjectAltName=DNS:HOST; \
             or --insecure to accept any"
        }
        // Mostly a certificate that signed itself, which webpki takes for an authority's.
        _ => {
            "if the server signed its certificate itself: give that with --cacert FILE, or --insecure to accept any"
        }
    }
}

/// Gives an I/O error that TLS is behind its remedy.
pub fn explain(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(inner) => failure(inner),
        None => error,
    }
}
