//! The section on WordPress of `docs/in-front.md`, with Debian's WordPress, Apache and MariaDB: for
//! `make recipes`, which installs them.

use crate::common::curl::curl;
use crate::common::http::FIREFOX;
use crate::common::wait_for;
use crate::in_front::Front;
use crate::page;
use crate::root::{Root, SOCKET};
use crate::scene::{NAME, ask};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// MariaDB with a folder of its own. What the pages call `localhost` is its socket.
fn start_mariadb(root: &mut Root) {
    let folder = root.file("/var/lib/mysql").to_str().unwrap().to_owned();
    let made = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--user=mysql", "--auth-root-authentication-method=normal"])
        .arg(format!("--datadir={folder}"))
        .output()
        .expect("make recipes installs MariaDB");
    assert!(made.status.success(), "{made:?}");
    // Where others than MariaDB get to it, as in Debian's.
    let socket = root.file(SOCKET);
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let owned = Command::new("chown").arg("mysql").arg(socket.parent().unwrap()).status();
    assert!(owned.unwrap().success());
    let words = [
        "--no-defaults".to_owned(),
        "--user=mysql".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--port={}", root.port(3306)),
        format!("--datadir={folder}"),
        format!("--socket={}", socket.display()),
    ];
    root.serve("mariadb", "mariadbd", &words, 3306);
}

#[test]
fn wordpress() {
    if std::env::var_os("RECIPES").is_none() {
        println!("left out: make recipes");
        return;
    }
    let mut front = Front::new();
    // Servers that give up their rights still have to get there.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(front.root.file("/"), open).unwrap();
    front.root.debian("/etc/apache2");
    front.root.copy("/etc/mime.types");
    front.root.copy("/usr/share/wordpress");
    front.root.copy("/var/lib/wordpress");
    let main = "/usr/share/wordpress/wp-config.php";
    front.root.write(main, &front.root.translate(&front.root.read(main)));
    start_mariadb(&mut front.root);
    let section = page::section("in-front", "WordPress");
    front.root.write_files(&section);
    let config = "/etc/wordpress/config-example.org.php";
    let socket = front.root.file(SOCKET);
    let host = format!("'localhost:{}'", socket.display());
    let settings = front.root.read(config);
    assert!(settings.contains("'localhost'"), "{settings}");
    front.root.write(config, &settings.replace("'localhost'", &host));
    front.root.run_commands(&section);

    let (url, authority) = (front.url(), front.pebble.root());
    let more = ["--cacert", authority.to_str().unwrap(), "-H", &format!("Host: {NAME}")];
    let more = more.map(str::to_owned);
    let more = more.each_ref().map(String::as_str);
    wait_for("the certificate", || {
        (curl(&format!("{url}/headcount.js"), &more).status == 200).then_some(())
    });
    // What one does in the browser, as one who counts as a robot.
    let form = "weblog_title=Site&user_name=admin&admin_password=correct-horse-battery&\
                admin_password2=correct-horse-battery&pw_weak=on&admin_email=you%40example.org&\
                blog_public=0&language=";
    let form = ["--data", form, "-H", "Content-Type: application/x-www-form-urlencoded"];
    let made = curl(&format!("{url}/wp-admin/install.php?step=2"), &[&more[..], &form].concat());
    let trouble = || front.root.read("/var/log/error.log");
    let text = String::from_utf8_lossy(&made.body);
    assert!(made.status == 200 && text.contains("wp-login.php"), "{text}\n{}", trouble());

    let sent = [("127.0.0.2", "/"), ("127.0.0.3", "/"), ("127.0.0.2", "/?p=1")];
    for (from, path) in sent {
        let answer = ask(&format!("{url}{path}"), from, &more);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.text().matches(r#"src="/headcount.js""#).count(), 1, "{answer:?}");
        // It knows that it is read by HTTPS, and under which name.
        assert!(answer.text().contains(&format!("https://{NAME}/")), "{answer:?}");
        assert!(!answer.text().contains(&format!("http://{NAME}/")), "{answer:?}");
    }
    assert_eq!(ask(&format!("{url}/wp-login.php"), "127.0.0.2", &more).status, 200);
    // Somebody comments: WordPress has the address of who did.
    let comment = "comment_post_ID=1&author=A&email=a%40example.org&comment=Hello";
    let comment = ["-A", FIREFOX, "--interface", "127.0.0.3", "--data", comment];
    let said = curl(&format!("{url}/wp-comments-post.php"), &[&more[..], &comment].concat());
    assert_eq!(said.status, 302, "{said:?}");
    let asked = Command::new("mariadb")
        .args(["--no-defaults", "--user=root", "--skip-column-names", "--batch"])
        .arg(format!("--socket={}", socket.display()))
        .args([
            "--execute",
            "SELECT comment_author_IP FROM wordpress.wp_comments WHERE comment_author = 'A'",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(asked.stdout).unwrap(), "127.0.0.3\n");

    let headcount = &front.root.headcount;
    wait_for("all views", || (headcount.total("pageviews") == sent.len() as i64).then_some(()));
    assert_eq!(headcount.total("visitors"), 2);
    let rows = headcount.stats("breakdown?period=day&property=event:page&metrics=pageviews");
    let pages: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["page"].as_str().unwrap()).collect();
    assert_eq!(pages, ["/", "/?p=1"]);
}
