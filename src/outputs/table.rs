//! Plain aligned tables for the terminal.

use comfy_table::{CellAlignment, Table, presets};

/// `rows` under `header`: the first column to the left, the others, numbers,
/// to the right. A row may be shorter than the header.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(header.iter().copied());
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["copy".to_string(), "24.10".to_string(), "0.9".to_string()],
            vec!["latent, best of 10".to_string(), "7.00".to_string()],
        ];
        let expected = "\
model                PSNR  SSIM
copy                24.10   0.9
latent, best of 10   7.00";
        assert_eq!(table(&["model", "PSNR", "SSIM"], &rows), expected);
    }
}
