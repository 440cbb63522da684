//! Numbers in units of their deviation.

/// The mean and deviation of each column of some rows; a column that is constant has a tiny one.
pub fn standard(rows: &[&[f64]]) -> Vec<(f64, f64)> {
    let count = rows.len() as f64;
    let column = |at: usize| {
        let values = rows.iter().map(|row| row[at]);
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt().max(1e-6))
    };
    (0..rows.first().map_or(0, |row| row.len()))
        .map(column)
        .collect()
}

/// A row less the means, in deviations.
pub fn standardised(standard: &[(f64, f64)], row: &[f64]) -> Vec<f64> {
    let each = row.iter().zip(standard);
    each.map(|(value, (mean, deviation))| (value - mean) / deviation)
        .collect()
}
