//! What `--help` says behind the options, and the sections that the man pages make of it.
//!
//! A paragraph is one line here and is wrapped where it is shown; a list has a title with a colon and
//! indented lines, which are shown as they are. The tests of [`crate::help`] see to it.

pub(super) const ESMED: &str = "\
Exit codes; a command may have others of its own:
  0  all is well
  1  it is not; one line on standard error says why
  2  wrong usage

Examples:
  esmed doctor                       is all right, and if not, what next
  esmed status --watch               what goes on, every two seconds
  esmed send 447911123456 Hello --wait --receipt
  esmed events --follow              what happens, as it happens

Applications send by INSERT INTO smpp_tx_queue (smpp_destination_addr, smpp_short_message) VALUES (...).";

pub(super) const RUN: &str = "\
Exit codes:
  0  ended as told, with all outcomes recorded
  1  it could not start, or ended without recording all of them
  2  wrong usage

Example:
  esmed run --config /etc/esmed/esmed.toml";

pub(super) const CHECK_CONFIG: &str = "\
Exit codes:
  0  the file is valid, and the database has what is needed
  1  not
  2  wrong usage

Example:
  esmed check-config --config /etc/esmed/esmed.toml";

pub(super) const DOCTOR: &str = "\
Each check has a verdict: ok, warning, failed or skipped, and where it is not ok what to do next. Nothing is \
changed, but for the message that --to asks for. Passwords are never shown.

An account that a daemon is bound with is not bound a second time, for some SMSCs refuse that and some end the \
first session: --bind does it all the same.

Exit codes:
  0  nothing failed (there may be warnings)
  1  something failed
  2  wrong usage

Examples:
  esmed doctor
  esmed doctor --server 2
  esmed doctor --to 447911123456 --as postgresql://app@localhost/sms";

pub(super) const MIGRATE: &str = "\
Exit codes:
  0  the schema is up to date now, or was already; with --print: shown
  1  it is not; one line on standard error says why
  2  wrong usage

Examples:
  sudo -u postgres esmed migrate --print --as \\
      'postgresql:///sms?host=/var/run/postgresql'
  sudo -u postgres esmed migrate --as \\
      'postgresql:///sms?host=/var/run/postgresql'
  PGPASSWORD=... esmed migrate --as postgresql://owner@db1/sms";

pub(super) const CONVERT_CONFIG: &str = "\
Exit codes:
  0  converted
  1  the old file can't be read or converted, or the new one not written
  2  wrong usage

Examples:
  esmed convert-config /etc/esmed/esmed.conf
  esmed convert-config /etc/esmed/esmed.conf --output esmed.toml.new";

pub(super) const STATUS: &str = "\
Each kind of message is counted up to 100,000, so that a look stays cheap; with more, \"capped\" is true in the JSON.

Exit codes:
  0  a daemon serves the lane; with --watch: ended by Ctrl-C
  1  none does, or the database can't be asked
  2  wrong usage

Examples:
  esmed status
  esmed status --watch 5
  esmed status --json | jq .queue.waiting";

pub(super) const EVENTS: &str = "\
Each line: time (of this machine's zone), status (down, degraded, ok), server, type, message.

Exit codes:
  0  shown, or interrupted with --follow
  1  the database can't be asked
  2  wrong usage

Examples:
  esmed events --since 1h
  esmed events --follow --type connection_lost
  esmed events --json --limit 1000 | jq -r .type | sort | uniq -c";

pub(super) const SEND: &str = "\
The role of the daemon may not queue messages: name one that has the role esmed_app by --as. The text is no secret to \
other users of this machine while the command runs, unless it comes by standard input.

Exit codes:
  0    queued; with --wait: sent, or with --receipt delivered
  1    not queued; with --wait: failed, expired, cancelled,
       undeliverable, rejected, or held for a decision
  2    wrong usage
  3    the time of --timeout is over
  130  interrupted

Examples:
  esmed send --as postgresql://app@localhost/sms 447911123456 Hello
  esmed send 447911123456 Hello --receipt --wait --timeout 5m
  echo \"Your code is 4711\" |
      esmed send --expires-in 10m --client-ref login-17 447911123456 -";

pub(super) const ENCODE: &str = "\
Exit codes:
  0  shown
  1  the text would be refused
  2  wrong usage

Examples:
  esmed encode \"It's 5 EUR\"
  esmed encode --json --long-message udh16 - < letter.txt";

pub(super) const DECODE: &str = "\
Exit codes:
  0  shown
  1  no PDU, or one that is malformed, whose JSON says what is wrong
  2  wrong usage

Examples:
  esmed decode 00000010000000150000000000000001
  esmed decode --data-coding 8 00480069";
