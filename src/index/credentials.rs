//! How the indexer proves to Elasticsearch who it is.
//!
//! In: a name and a password, or an API key, from the settings or from files. Out: the value of
//! the header `Authorization`. Nothing of it is ever shown: not by `Debug`, not in an error.

use super::settings::{SettingError, Settings};
use reqwest::header::HeaderValue;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// A text that nobody may see.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// A password of digits would be read as a number in the environment, and `007` become `7`. What is
/// told of it does not tell it.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
                Err(no_text())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
                Err(no_text())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
                Err(no_text())
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<Secret, E> {
                Err(no_text())
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<Secret, E> {
                Err(no_text())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
                Err(no_text())
            }
        }

        fn no_text<E: Error>() -> E {
            E::custom("a secret that looks like a number needs quotes; a file takes it as it is")
        }

        from.deserialize_any(Text)
    }
}

/// Reads the value of `Authorization`; nothing when none is set. Files are read anew each time, so
/// that a secret may be replaced while the process runs.
///
/// # Errors
///
/// When a file cannot be read, or what it holds cannot stand in a header.
pub(super) fn authorization(settings: &Settings) -> Result<Option<HeaderValue>, SettingError> {
    let text = |key: &str, secret: &Option<Secret>, file: &Option<std::path::PathBuf>| match (
        secret, file,
    ) {
        (Some(secret), _) => Ok(Some(secret.0.clone())),
        (None, Some(file)) => read(key, file).map(Some),
        (None, None) => Ok(None),
    };
    let (key, value) =
        if let Some(key) = text("api_key_file", &settings.api_key, &settings.api_key_file)? {
            ("index.api_key", format!("ApiKey {key}"))
        } else if let Some(name) = &settings.username {
            let password = text("password_file", &settings.password, &settings.password_file)?
                .unwrap_or_default();
            ("index.password", format!("Basic {}", base64(format!("{name}:{password}").as_bytes())))
        } else {
            return Ok(None);
        };
    let mut header = HeaderValue::try_from(value).map_err(|_| SettingError {
        key: key.to_owned(),
        message: "has characters that cannot be sent in a header".to_owned(),
    })?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// The text of a file without the newline that editors leave at its end.
fn read(key: &str, path: &Path) -> Result<String, SettingError> {
    let error = |message| SettingError { key: format!("index.{key}"), message };
    let text = std::fs::read_to_string(path)
        .map_err(|reason| error(format!("cannot read {}: {reason}", path.display())))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(error(format!("{} is empty", path.display())));
    }
    Ok(text.to_owned())
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) & 63;
            let is_pad = at > three.len();
            text.push(if is_pad { '=' } else { char::from(LETTERS[index as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let settings =
            Settings { password: Some(Secret::new("hunter2".to_owned())), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("hunter2"));
        let told = serde_json::from_str::<Secret>("4711").expect_err("a number").to_string();
        assert!(!told.contains("4711") && told.contains("quotes"), "{told}");
        let key = Settings { api_key: Some(Secret::new("abc".to_owned())), ..Settings::default() };
        let header = authorization(&key).expect("a header").expect("set");
        assert_eq!(header, "ApiKey abc");
        assert!(!format!("{header:?}").contains("abc"));
    }

    #[test]
    fn a_name_and_a_password_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        std::fs::write(&path, "open sesame\n").expect("a file");
        let settings = Settings {
            username: Some("Aladdin".to_owned()),
            password_file: Some(path.clone()),
            ..Settings::default()
        };
        // The example of RFC 7617.
        let header = authorization(&settings).expect("a header").expect("set");
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        std::fs::remove_file(path).expect("it was there");
        let told = authorization(&settings).expect_err("gone").to_string();
        assert!(told.starts_with("key `index.password_file`: cannot read "), "{told}");
    }

    #[test]
    fn base64_as_the_specification_has_it() {
        let rows =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (text, encoded) in rows {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }
}
