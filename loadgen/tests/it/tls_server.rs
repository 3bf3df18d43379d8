//! A TLS server for tests, with certificates of its own.

use crate::fake_server::{Action, serve_one};
use crate::support::TempDir;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, ServerConnection,
    SignatureScheme, StreamOwned,
};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Files of two authorities, a server whose name is `localhost`, and a client.
pub(crate) struct Files {
    dir: TempDir,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self { dir: TempDir::new() };
        let ours = authority("ours");
        files.write("ca.pem", &ours.pem());
        files.write("other-ca.pem", &authority("theirs").pem());
        for (name, host) in [("server", "localhost"), ("client", "client.test")] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
            let certificate = params.signed_by(&key, &ours).expect("signed");
            files.write(&format!("{name}.pem"), &certificate.pem());
            files.write(&format!("{name}.key"), &key.serialize_pem());
        }
        files
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).expect("written");
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.file(name)
    }

    pub(crate) fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_file(self.path(name)).expect("a certificate")]
    }

    /// A server with this certificate, whatever the library thinks of it.
    pub(crate) fn server_of(&self, name: &str) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).expect("a key");
        let key = provider.key_provider.load_private_key(key).expect("a key of a known kind");
        let own = CertifiedKey::new(self.chain(&format!("{name}.pem")), key);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
        Arc::new(config)
    }

    /// How the server of these files speaks TLS; with `clients`, to those with a certificate only.
    pub(crate) fn server(&self, clients: Clients) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            Clients::Any => builder.with_no_client_auth(),
            Clients::Known => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(self.chain("ca.pem"));
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
            Clients::Having => builder.with_client_cert_verifier(Arc::new(AnyClient(provider))),
        };
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).expect("a key");
        Arc::new(builder.with_single_cert(self.chain("server.pem"), key).expect("they match"))
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Clients {
    Any,
    Known,
    /// With a certificate, whatever it says.
    Having,
}

/// Takes certificates that the library itself does not.
#[derive(Debug)]
struct AnyClient(Arc<rustls::crypto::CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Answers everything with `+OK` over TLS until the test process ends; returns where.
pub(crate) fn serve(config: Arc<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            thread::spawn(move || serve_tls(StreamOwned::new(connection, stream)));
        }
    });
    addr
}

fn serve_tls(stream: impl Read + Write) {
    serve_one(stream, 0, &|_, _, _| Action::Reply(b"+OK\r\n".to_vec()));
}

/// How a connection ends that was sound until then.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// Bytes come that are no record.
    Garbage,
    /// The server says that it closes (close_notify), and closes a little later.
    Announced,
}

/// Ends after so many replies.
struct Ending {
    inner: StreamOwned<ServerConnection, TcpStream>,
    replies_left: usize,
    end: End,
}

impl Read for Ending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.replies_left > 0 {
            return self.inner.read(buffer);
        }
        thread::sleep(Duration::from_millis(50));
        Ok(0)
    }
}

impl Write for Ending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies_left -= 1;
        let last = self.replies_left == 0;
        if let (true, End::Garbage) = (last, self.end) {
            self.inner.sock.write_all(bytes)?;
            return Ok(bytes.len());
        }
        self.inner.conn.writer().write_all(bytes)?;
        if last {
            self.inner.conn.send_close_notify();
        }
        self.inner.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// As [`serve`]; each connection ends after `replies`.
pub(crate) fn serve_ending(config: Arc<ServerConfig>, replies: usize, end: End) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let inner = StreamOwned::new(connection, stream);
            thread::spawn(move || serve_tls(Ending { inner, replies_left: replies, end }));
        }
    });
    addr
}
