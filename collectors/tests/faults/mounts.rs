//! Which mounts have series, and under which names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::namespace::{folder, run, shell, try_shell};
use crate::{registry, series, value};

/// Mounts a new file system, which takes no loop device: ramfs and tmpfs are not shown.
fn image(folder: &Path, name: &str) -> Result<String, String> {
    let folder = folder.display();
    let image = format!("{folder}/{name}.img");
    try_shell(&format!(
        "truncate -s 20M {image} && mkfs.ext2 -q -F {image}"
    ))?;
    Ok(image)
}

#[test]
fn names_of_mounts_are_what_they_are() {
    run("mounts::names_of_mounts_are_what_they_are", || {
        let folder = folder("names");
        let names: [(&[u8], &str); 3] = [
            (br"lit\040eral", r"lit\\040eral"),
            (b"a b", "a b"),
            (b"x\xffy", r"x\\xffy"),
        ];
        for (number, (name, _)) in names.iter().enumerate() {
            let image = match image(&folder, &number.to_string()) {
                Ok(image) => image,
                Err(why) => {
                    return crate::namespace::skip(
                        "mounts::names_of_mounts_are_what_they_are",
                        &why,
                    );
                }
            };
            let point = folder.join(OsStr::from_bytes(name));
            std::fs::create_dir(&point).unwrap();
            let mounted = std::process::Command::new("mount")
                .args(["-o", "loop", &image])
                .arg(&point)
                .output()
                .unwrap();
            assert!(mounted.status.success(), "{mounted:?}");
        }
        let text = registry().text();
        for (_, label) in names {
            let mount = format!("{{mount=\"{}/{label}\"}}", folder.display());
            let total = value(&text, &format!("system_disk_total_bytes{mount}"));
            let total = total.unwrap_or_else(|| panic!("{mount} is not in\n{text}"));
            assert!((10e6..21e6).contains(&total), "{total}");
            let available = value(&text, &format!("system_disk_available_bytes{mount}"));
            assert!(available.unwrap() <= total);
            let error = value(&text, &format!("system_disk_device_error{mount}"));
            assert_eq!(error, Some(0.0));
        }
        assert!(value(&text, "system_disk_total_bytes{mount=\"/\"}").is_some());
    });
}

#[test]
fn a_file_system_has_one_figure_and_bind_mounted_files_have_none() {
    let name = "mounts::a_file_system_has_one_figure_and_bind_mounted_files_have_none";
    run(name, || {
        let folder = folder("binds");
        let here = folder.display();
        let image = match image(&folder, "x") {
            Ok(image) => image,
            Err(why) => return crate::namespace::skip(name, &why),
        };
        shell(&format!(
            "cd {here} && mkdir disk z-again volume && touch file && mount -o loop {image} disk && \
             mkdir disk/inner && touch disk/inner/one && mount --bind disk z-again && \
             mount --bind disk/inner volume && mount --bind disk/inner/one file"
        ));
        let registry = registry();
        let shown = |text: &str| -> Vec<String> {
            let series = series(text, "system_disk_total_bytes");
            let here = format!("{here}/");
            let points = series.iter().filter_map(|series| series.split_once(&here));
            points
                .map(|(_, point)| point.trim_end_matches("\"}").to_owned())
                .collect()
        };
        assert_eq!(shown(&registry.text()), ["disk"]);
        // In a container there is no mount of the root.
        shell(&format!("umount {here}/disk {here}/z-again"));
        assert_eq!(shown(&registry.text()), ["volume"]);
        shell(&format!("umount {here}/volume"));
        assert_eq!(shown(&registry.text()), [""; 0]);
    });
}

#[test]
fn a_mount_that_another_one_covers_shows_nothing() {
    let name = "mounts::a_mount_that_another_one_covers_shows_nothing";
    run(name, || {
        let folder = folder("covered");
        let here = folder.display();
        let image = match image(&folder, "x") {
            Ok(image) => image,
            Err(why) => return crate::namespace::skip(name, &why),
        };
        shell(&format!(
            "mkdir {here}/m && mount -o loop {image} {here}/m && mount -t tmpfs none {here}/m"
        ));
        let text = registry().text();
        assert!(!text.contains(&format!("{here}/m")), "{text}");
    });
}

#[test]
fn of_many_file_systems_the_same_ones_are_shown() {
    let name = "mounts::of_many_file_systems_the_same_ones_are_shown";
    run(name, || {
        let folder = folder("many");
        let here = folder.display();
        shell(&format!("mkdir {here}/upper {here}/work {here}/lower"));
        let mounted = try_shell(&format!(
            "set -e; cd {here}; for i in $(seq 100 219); do \
               mkdir m$i; mount -t overlay -o lowerdir=upper:lower none m$i; done"
        ));
        if let Err(why) = mounted {
            return crate::namespace::skip(name, &why);
        }
        let registry = registry();
        let text = registry.text();
        let shown = series(&text, "system_disk_total_bytes");
        assert_eq!(shown.len(), 100);
        assert_eq!(shown[0], "system_disk_total_bytes{mount=\"/\"}");
        assert!(text.contains(&format!("{here}/m100\"}}")));
        assert!(!text.contains(&format!("{here}/m219\"}}")));
        assert!(value(&text, "system_disk_dropped").unwrap() >= 20.0);
        let again = registry.text();
        assert_eq!(series(&again, "system_disk_total_bytes"), shown);
    });
}
