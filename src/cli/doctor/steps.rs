//! What to do where it does not come to TLS.

use crate::server::Account;
use crate::tls::{Certificate, Fault};

/// With an SMSC, which presented `peer` if it came to that.
pub(super) fn smsc(fault: Fault, peer: Option<&Certificate>, account: &Account) -> String {
    let id = account.id;
    let step = match fault {
        Fault::Missing => {
            "put the file there, on the machine of the daemon, or correct the column that names it"
        }
        Fault::Unreadable => {
            "let the user of the daemon read the file (chgrp esmed, chmod 640), and go into its folders; or run this as that user"
        }
        Fault::Unfit => "replace the file, or correct the column that names it",
        Fault::NoTls => {
            return format!(
                "ask the provider for the port of TLS, or UPDATE smpp_servers SET esme_tls = FALSE WHERE id = {id}"
            );
        }
        Fault::Issuer => {
            return format!(
                "put the provider's authority into a PEM file: UPDATE smpp_servers SET esme_tls_ca_file = '/path/to/ca.pem' WHERE id = {id}"
            );
        }
        Fault::Name if peer.is_some_and(|peer| peer.names.is_empty()) => {
            "the provider has to renew the certificate with a subjectAltName"
        }
        Fault::Name if peer.is_some_and(|peer| peer.names.len() == peer.misplaced.len()) => {
            "the provider has to renew the certificate: an address has to be in its subjectAltName as an IP address, not as a DNS name"
        }
        Fault::Name => {
            // It comes from the other end, and is to be run as it stands.
            let name = peer
                .and_then(|peer| {
                    let mut names = peer.names.iter();
                    names.find(|name| !peer.misplaced.contains(name) && !name.contains(['\'', '*']))
                })
                .map_or("...", String::as_str);
            return format!(
                "UPDATE smpp_servers SET esme_tls_server_name = '{name}' WHERE id = {id}, if that is who you want; else correct host"
            );
        }
        Fault::Time => {
            "the provider has to renew the certificate, if the clock of this machine is right"
        }
        Fault::WantsOurs => {
            "set esme_tls_cert_file and esme_tls_key_file to a certificate that the provider knows, and its key"
        }
        Fault::RefusesOurs => {
            "the provider has to know the authority of our certificate (esme_tls_cert_file), or has given you another one"
        }
        Fault::Other => "ask the provider which TLS that port speaks: esmed speaks 1.2 and 1.3",
    };
    step.to_owned()
}

/// With PostgreSQL; `said` is what came of it.
pub(super) fn database(fault: Option<Fault>, said: &str) -> String {
    if said.contains("does not support TLS") {
        return "ssl = on in postgresql.conf, with a certificate; or [database] sslmode = \"prefer\", which goes without where it has to"
            .to_owned();
    }
    let step = match fault {
        Some(Fault::Missing) => {
            "put the file there, or correct the key of [database] that names it"
        }
        Some(Fault::Unreadable) => {
            "let the user of the daemon read the file (chgrp esmed, chmod 640), and go into its folders; or run this as that user"
        }
        Some(Fault::Unfit) => "replace the file, or correct the key of [database] that names it",
        Some(Fault::Issuer) => {
            "[database] sslrootcert has to hold the authority of the server's certificate (ssl_cert_file in postgresql.conf)"
        }
        Some(Fault::Name) => {
            "name the server in [database] host as its certificate (ssl_cert_file in postgresql.conf) does in a subjectAltName, an address as an IP address and not as a DNS name; or sslmode = \"verify-ca\", which does not look at the name"
        }
        Some(Fault::Time) => {
            "renew the certificate of the server (ssl_cert_file in postgresql.conf), if the clock of this machine is right"
        }
        Some(Fault::WantsOurs) => "set sslcert and sslkey of [database]",
        Some(Fault::RefusesOurs) => {
            "[database] sslcert has to be by an authority in ssl_ca_file of PostgreSQL, and in force"
        }
        Some(Fault::NoTls) => {
            "does PostgreSQL itself answer on that host and port? ssl = on in its postgresql.conf, or sslmode = \"disable\" in [database]"
        }
        Some(Fault::Other) | None => {
            "see the log of PostgreSQL; sslmode, sslrootcert, sslcert and sslkey of [database] say how TLS is spoken"
        }
    };
    step.to_owned()
}
