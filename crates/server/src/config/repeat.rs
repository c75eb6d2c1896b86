//! Settings that another command needs to find the same data.

use super::Configuration;
use super::secret::masked_url;
use super::setting;
use super::values::Origin;

const STORAGE: [&str; 2] = ["data_dir", "database_url"];

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SameData {
    /// Flags with values; empty if defaults suffice.
    pub(crate) flags: Vec<String>,
    /// Must be set as for this process: its value must not be printed.
    pub(crate) variable: Option<String>,
}

impl Configuration {
    /// For a command started in the same directory.
    pub(crate) fn same_data(&self) -> SameData {
        let mut same = SameData::default();
        if let Some(file) = &self.file {
            let file = file.display().to_string();
            same.flags.extend(["--config".to_owned(), file]);
        }
        for setting in STORAGE.into_iter().filter_map(setting::find) {
            let Some(value) = self.values.get(setting.key) else {
                continue;
            };
            let is_found_anyway = matches!(value.origin, Origin::Default | Origin::File { .. })
                || setting.default == Some(value.text.as_str());
            if is_found_anyway {
                continue;
            }
            if setting.key == "database_url" && masked_url(&value.text) != value.text {
                same.variable = Some(setting.variable());
            } else {
                same.flags
                    .extend([format!("--{}", setting.flag()), value.text]);
            }
        }
        same
    }
}
