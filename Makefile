# The targets that users and maintainers need; `make help` lists them. All of them work as root too.

# rustup puts cargo here, and a shell that is not a login shell may not know it.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench deb sql-reference clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: ## install what is missing of PostgreSQL and a linker (Debian packages)
	@tests/setup.sh

demo: setup ## watch messages leave and their states come back; KEEP=1 leaves it running
	@cargo build --locked --bins
	@tests/demo/demo.sh

test: setup ## all tests: cargo-nextest where it is installed, cargo test elsewhere
	@if cargo nextest --version > /dev/null 2>&1; then \
	    cargo test --locked --doc && cargo nextest run --locked; \
	else \
	    cargo test --locked; \
	fi

check: setup ## formatting, lints, documentation; any warning is an error
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	tests/check-docs.sh

bench: setup ## messages a second: the daemon with PostgreSQL, the simulator alone, texts and receipts alone
	cargo bench --locked --bench throughput
	cargo bench --locked --bench waiting
	cargo bench --locked --bench sim
	cargo bench --locked --bench text

sql-reference: setup ## write docs/sql.md anew, from the comments in sql/db.sql
	@tests/reference.sh > docs/sql.md.new && mv docs/sql.md.new docs/sql.md || { rm -f docs/sql.md.new; exit 1; }

deb: ## Debian packages: not yet
	@echo "make deb: there are no Debian packages yet; see 'Install' in README.md" >&2
	@exit 1

clean: ## remove what was built
	cargo clean
