//! Checks and their verdicts, told as they come.

use serde_json::{Value, json};

use crate::cli::paint::{Paint, plain};
use crate::cli::told;

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Warning,
    Failed,
    Skipped,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// All checks so far.
pub(super) struct Report {
    paint: Paint,
    json: bool,
    area: &'static str,
    checks: Vec<Value>,
    counts: [usize; 4],
}

impl Report {
    pub(super) fn new(json: bool, paint: Paint) -> Self {
        Self {
            paint,
            json,
            area: "",
            checks: Vec::new(),
            counts: [0; 4],
        }
    }

    /// The checks that follow are about this.
    pub(super) fn area(&mut self, area: &'static str) -> anyhow::Result<()> {
        let first = self.area.is_empty();
        self.area = area;
        if !self.json {
            let gap = if first { "" } else { "\n" };
            told(&format!("{gap}{}", self.paint.strong(area)))?;
        }
        Ok(())
    }

    pub(super) fn ok(&mut self, check: &str, finding: impl AsRef<str>) -> anyhow::Result<()> {
        self.tell(Verdict::Ok, check, finding.as_ref(), None)
    }

    pub(super) fn warning(
        &mut self,
        check: &str,
        finding: impl AsRef<str>,
        next: impl AsRef<str>,
    ) -> anyhow::Result<()> {
        self.tell(
            Verdict::Warning,
            check,
            finding.as_ref(),
            Some(next.as_ref()),
        )
    }

    pub(super) fn failed(
        &mut self,
        check: &str,
        finding: impl AsRef<str>,
        next: impl AsRef<str>,
    ) -> anyhow::Result<()> {
        self.tell(
            Verdict::Failed,
            check,
            finding.as_ref(),
            Some(next.as_ref()),
        )
    }

    pub(super) fn skipped(
        &mut self,
        check: &str,
        finding: impl AsRef<str>,
        next: impl AsRef<str>,
    ) -> anyhow::Result<()> {
        self.tell(
            Verdict::Skipped,
            check,
            finding.as_ref(),
            Some(next.as_ref()),
        )
    }

    fn tell(
        &mut self,
        verdict: Verdict,
        check: &str,
        finding: &str,
        next: Option<&str>,
    ) -> anyhow::Result<()> {
        let finding = plain(finding);
        let next = next.filter(|next| !next.is_empty()).map(plain);
        self.counts[verdict as usize] += 1;
        if !self.json {
            let name = format!("{:<8}", verdict.name());
            let painted = match verdict {
                Verdict::Ok => self.paint.good(&name),
                Verdict::Warning => self.paint.odd(&name),
                Verdict::Failed => self.paint.bad(&name),
                Verdict::Skipped => self.paint.faint(&name),
            };
            told(&format!("  {painted} {check:<18} {finding}"))?;
            if let Some(next) = &next {
                told(&format!("{:29} -> {next}", ""))?;
            }
        }
        self.checks.push(json!({
            "area": self.area,
            "check": check,
            "verdict": verdict.name(),
            "finding": finding,
            "next_step": next,
        }));
        Ok(())
    }

    /// Tells the end; whether nothing failed.
    pub(super) fn end(self) -> anyhow::Result<bool> {
        let [ok, warning, failed, skipped] = self.counts;
        let is_well = failed == 0;
        if self.json {
            let view = json!({
                "verdict": match (failed, warning) {
                    (0, 0) => "ok",
                    (0, _) => "warning",
                    _ => "failed",
                },
                "ok": ok,
                "warnings": warning,
                "failed": failed,
                "skipped": skipped,
                "checks": self.checks,
            });
            told(&view.to_string())?;
        } else {
            let words = summary(self.counts);
            let painted = match (failed, warning) {
                (0, 0) => self.paint.good(&words),
                (0, _) => self.paint.odd(&words),
                _ => self.paint.bad(&words),
            };
            told(&format!("\n{painted}"))?;
        }
        Ok(is_well)
    }
}

/// The counts in words, in the order of [`Verdict`].
fn summary([ok, warning, failed, skipped]: [usize; 4]) -> String {
    let warnings = if warning == 1 { "warning" } else { "warnings" };
    format!("{ok} ok, {warning} {warnings}, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_a_warning_and_more_are_warnings() {
        assert_eq!(
            summary([18, 1, 0, 2]),
            "18 ok, 1 warning, 0 failed, 2 skipped"
        );
        assert_eq!(
            summary([1, 0, 1, 1]),
            "1 ok, 0 warnings, 1 failed, 1 skipped"
        );
        assert_eq!(
            summary([1, 2, 1, 1]),
            "1 ok, 2 warnings, 1 failed, 1 skipped"
        );
    }
}
