//! The sandbox's keys and certificates, made at the first start, and the terminal's matching configuration.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256,
    SerialNumber,
};
use rsa::PrivateKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};

use super::support::PATH as SUPPORT;

/// The only application that the sandbox knows.
pub const APPID: &str = "OP00000003";
/// Serial of the merchant's certificate.
pub const MERCHANT_SERIAL: &str = "00dfba8194c41b84cf";
/// The only merchant.
pub const MERCHANT_NO: &str = "822100054110001";
/// The only terminal.
pub const TERM_NO: &str = "A0010001";
/// What the merchant's printed code says; a reserved name, so that a real wallet finds nothing.
pub const STATIC_CODE: &str = "https://qr.sandbox.invalid/m/822100054110001";
const PLATFORM_SERIAL: [u8; 6] = [0x01, 0x7d, 0x6a, 0xe9, 0xad, 0x6e];

/// Keys and certificates.
pub struct Identity {
    dir: PathBuf,
    /// Signs answers.
    pub platform: PrivateKey,
    /// Verifies requests.
    pub merchant: PrivateKey,
    /// Server certificate and key, PEM.
    pub server_pem: (Vec<u8>, Vec<u8>),
    /// The authority of this world, PEM: of its server, and of a terminal's receiver.
    pub authority_pem: Vec<u8>,
}

impl Identity {
    /// Loads the identity of a directory, making what is missing.
    ///
    /// # Errors
    /// The file that cannot be read or made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        if !dir.join("ready").exists() {
            make(dir)?;
            std::fs::write(dir.join("ready"), "")?;
        } else if !dir.join("receiver.pem").exists() {
            // A directory of an earlier version: TLS is made anew, the keys that sign stay.
            tls(dir).map_err(io::Error::other)?;
        }
        let key = |name: &str| -> io::Result<PrivateKey> {
            let pem = std::fs::read_to_string(dir.join(name))?;
            PrivateKey::from_pkcs8_pem(&pem).map_err(io::Error::other)
        };
        let server_pem = (
            std::fs::read(dir.join("server.pem"))?,
            std::fs::read(dir.join("server.key.pem"))?,
        );
        Ok(Self {
            dir: dir.to_owned(),
            platform: key("platform.key.pem")?,
            merchant: key("merchant.key.pem")?,
            server_pem,
            authority_pem: std::fs::read(dir.join("ca.pem"))?,
        })
    }

    /// Returns the serial in the answers' header.
    pub fn platform_serial(&self) -> String {
        PLATFORM_SERIAL
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Writes the terminal's configuration for this sandbox.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_terminal_config(&self, port: u16) -> io::Result<()> {
        let dir = self.dir.canonicalize()?;
        let dir = dir.display();
        let text = format!(
            "# Written by the sandbox at each start; for the terminal of the same machine.\n\
             [acquirer]\nurl = \"https://localhost:{port}\"\nappid = \"{APPID}\"\n\
             serial_no = \"{MERCHANT_SERIAL}\"\nmerchant_no = \"{MERCHANT_NO}\"\n\
             term_no = \"{TERM_NO}\"\nmerchant_key_file = \"{dir}/merchant.key.pem\"\n\
             platform_certificate_files = [\"{dir}/platform.cert.pem\"]\nca_file = \"{dir}/ca.pem\"\n\
             request_ip = \"127.0.0.1\"\nenvironment = \"sandbox\"\n\n\
             [scanner]\nsource = \"folder:{dir}/camera\"\n\n\
             [support]\nurl = \"https://localhost:{port}{SUPPORT}\"\nca_file = \"{dir}/ca.pem\"\n"
        );
        std::fs::write(self.dir.join("terminal.toml"), text)
    }
}

fn secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn make(dir: &Path) -> io::Result<()> {
    let mut seed = [0; 32];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut seed)?;
    let mut random = ChaCha20Rng::from_seed(seed);
    for name in ["merchant.key.pem", "platform.key.pem"] {
        let key = PrivateKey::new(&mut random, 2048).map_err(io::Error::other)?;
        let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
        secret(&dir.join(name), &pem)?;
    }
    platform_certificate(dir).map_err(io::Error::other)?;
    tls(dir).map_err(io::Error::other)
}

fn platform_certificate(dir: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let pem = std::fs::read_to_string(dir.join("platform.key.pem"))?;
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Shouyin sandbox platform");
    params.serial_number = Some(SerialNumber::from_slice(&PLATFORM_SERIAL));
    let certificate = params.self_signed(&key)?;
    std::fs::write(dir.join("platform.cert.pem"), certificate.pem())?;
    Ok(())
}

fn tls(dir: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let authority_key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Shouyin sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key)?;
    std::fs::write(dir.join("ca.pem"), authority.pem())?;
    let issuer = Issuer::new(params, authority_key);
    // The second is for the terminal's receiver of notices, so that a test world needs no other authority.
    for name in ["server", "receiver"] {
        let key = KeyPair::generate()?;
        // The last is this machine as a guest of QEMU sees it (the test of the boot image).
        let names = ["localhost", "127.0.0.1", "10.0.2.2"].map(str::to_owned);
        let certificate = CertificateParams::new(names.to_vec())?.signed_by(&key, &issuer)?;
        secret(&dir.join(format!("{name}.key.pem")), &key.serialize_pem())?;
        std::fs::write(dir.join(format!("{name}.pem")), certificate.pem())?;
    }
    Ok(())
}
