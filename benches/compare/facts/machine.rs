//! The machine, from files and commands that some systems have and others have not.

use super::{run, said};
use crate::topology;
use std::collections::BTreeSet;
use std::{fs, thread};

pub(super) fn facts() -> Vec<(&'static str, Option<String>)> {
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let available = thread::available_parallelism().ok();
    let mut facts = vec![
        ("processor", model(&cpuinfo)),
        ("cores", cores()),
        ("processors", processors()),
        ("available_processors", available.map(|n| n.to_string())),
        ("smt", smt()),
        ("governor", governor()),
        ("mitigations", mitigations()),
        ("kernel", said("uname", &["-srm"])),
        ("virtualization", virtualization(&cpuinfo)),
    ];
    if cfg!(target_arch = "aarch64") {
        let lse = cfg!(target_feature = "lse");
        facts.push(("atomics", Some(atomics(lse, &cpuinfo).to_owned())));
    }
    facts
}

fn read(file: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What macOS calls by this name.
fn sysctl(name: &str) -> Option<String> {
    said("sysctl", &["-n", name])
}

/// The value of the first line `key: value`, of a file such as `/proc/cpuinfo` or the output of `lscpu`.
fn field(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key && !value.trim().is_empty()).then(|| value.trim().to_owned())
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|other| other == word)
}

/// On aarch64 the kernel knows only numbers, which `lscpu` has names for.
fn model(cpuinfo: &str) -> Option<String> {
    field(cpuinfo, "model name")
        .or_else(|| field(&said("lscpu", &[])?, "Model name"))
        .or_else(|| sysctl("machdep.cpu.brand_string"))
}

fn cores() -> Option<String> {
    let cores = topology::online().into_iter().map(topology::core);
    let cores: Option<BTreeSet<String>> = cores.collect();
    let found = cores.filter(|cores| !cores.is_empty());
    found
        .map(|cores| cores.len().to_string())
        .or_else(|| sysctl("hw.physicalcpu"))
}

fn processors() -> Option<String> {
    let found = topology::online().len();
    let found = (found > 0).then(|| found.to_string());
    found.or_else(|| sysctl("hw.logicalcpu"))
}

fn smt() -> Option<String> {
    let active = match read("/sys/devices/system/cpu/smt/active") {
        Some(active) => active == "1",
        None => processors()? != cores()?,
    };
    Some(if active { "on" } else { "off" }.to_owned())
}

/// The governors of all processors, each once.
fn governor() -> Option<String> {
    let governors = topology::online().into_iter().filter_map(|processor| {
        read(&format!(
            "/sys/devices/system/cpu/cpu{processor}/cpufreq/scaling_governor"
        ))
    });
    let governors: Vec<String> = governors.collect::<BTreeSet<_>>().into_iter().collect();
    (!governors.is_empty()).then(|| governors.join(", "))
}

/// What the kernel says of each of the processor's known weaknesses.
fn mitigations() -> Option<String> {
    let files = fs::read_dir("/sys/devices/system/cpu/vulnerabilities").ok()?;
    let said = files.filter_map(|file| {
        let path = file.ok()?.path();
        let name = path.file_name()?.to_str()?;
        Some(format!("{name}: {}", read(path.to_str()?)?))
    });
    let said: Vec<String> = said.collect::<BTreeSet<_>>().into_iter().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn virtualization(cpuinfo: &str) -> Option<String> {
    // It fails where it finds none, and says so.
    let detected = run("systemd-detect-virt", &["--vm"]).map(|(_, said)| said);
    detected
        .filter(|said| !said.is_empty())
        .or_else(|| hypervisor(cpuinfo).map(str::to_owned))
        .or_else(|| match sysctl("kern.hv_vmm_present")?.as_str() {
            "0" => Some("none".to_owned()),
            _ => Some("a virtual machine".to_owned()),
        })
}

/// What processors of x86 are told by their hypervisor.
fn hypervisor(cpuinfo: &str) -> Option<&'static str> {
    let flags = field(cpuinfo, "flags")?;
    Some(if has_word(&flags, "hypervisor") {
        "a virtual machine"
    } else {
        "none"
    })
}

/// How aarch64 does its atomic operations.
fn atomics(built_with_lse: bool, cpuinfo: &str) -> &'static str {
    let has_lse = field(cpuinfo, "Features").map(|features| has_word(&features, "atomics"));
    match (built_with_lse, has_lse) {
        (true, _) => "built with LSE",
        (false, Some(true)) => "outlined, on a processor with LSE",
        (false, Some(false)) => "outlined, on a processor without LSE",
        (false, None) => "outlined",
    }
}

#[cfg(test)]
mod tests {
    use super::{atomics, field, hypervisor};

    const X86: &str = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9354\nflags\t\t: fpu lahf_lm hypervisor_not\n\n\
        processor\t: 1\nmodel name\t: another\n";
    const AARCH64: &str = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd atomics\n\
        CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
    const LSCPU: &str = "Architecture:             aarch64\n  Model name:             Neoverse-N1\n\
        Caches (sum of all):\n  L1d:                    64 KiB\n";

    #[test]
    fn fields_are_found_by_their_whole_name() {
        assert_eq!(field(X86, "model name").as_deref(), Some("AMD EPYC 9354"));
        assert_eq!(field(AARCH64, "model name"), None);
        assert_eq!(field(LSCPU, "Model name").as_deref(), Some("Neoverse-N1"));
        assert_eq!(field(LSCPU, "Caches (sum of all)"), None);
        assert_eq!(field("", "model name"), None);
    }

    #[test]
    fn a_hypervisor_is_a_flag_of_its_own() {
        assert_eq!(hypervisor(X86), Some("none"));
        let guest = "flags\t: fpu hypervisor lahf_lm\n";
        assert_eq!(hypervisor(guest), Some("a virtual machine"));
        assert_eq!(hypervisor(AARCH64), None);
    }

    #[test]
    fn atomics_are_told_with_what_the_processor_has() {
        assert_eq!(atomics(true, AARCH64), "built with LSE");
        assert_eq!(atomics(false, AARCH64), "outlined, on a processor with LSE");
        let old = "Features\t: fp asimd\n";
        assert_eq!(atomics(false, old), "outlined, on a processor without LSE");
        assert_eq!(atomics(false, ""), "outlined");
    }
}
