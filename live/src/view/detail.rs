//! What a row opens: ten minutes of one endpoint, or of one family.

use std::collections::BTreeMap;

use tallied::Buckets;

use super::families::{busiest, has_heat};
use super::wire::{EndpointDetail, FamilyDetail, Heat, SeriesHistory};
use super::{Look, json, rounded};
use crate::json::Number;
use crate::model::{Family, Role, add_to_heat};
use crate::series::{Last, Moment, Series};

/// The most series of a family.
const MAX_SERIES: usize = 50;

impl Look<'_> {
    /// Of an endpoint, as a JSON; `None` where there is none with this number.
    pub(crate) fn endpoint_detail(&self, id: usize) -> Option<String> {
        let endpoint = self.model.endpoints.all.get(id)?;
        let moments = self.model.moments();
        let of_role = |role: Role| {
            let families = self.model.families.iter().filter(move |f| f.role == role);
            let series = families.flat_map(|family| &family.series);
            series.filter(move |series| series.endpoint as usize == id)
        };
        let heat = endpoint
            .bounds
            .as_ref()
            .map(|bounds| self.heat(bounds, of_role(Role::Duration), &moments));
        let mut statuses: BTreeMap<u16, Vec<Option<f64>>> = BTreeMap::new();
        for series in of_role(Role::Requests) {
            let had_any = matches!(series.last, Last::Total(total) if total > 0.0);
            if had_any {
                let all = statuses.entry(series.status).or_default();
                all.resize(moments.len(), None);
                for (all, rate) in all.iter_mut().zip(series.history(&moments)) {
                    if let Some(rate) = rate {
                        *all.get_or_insert(0.0) += rate;
                    }
                }
            }
        }
        Some(json(&EndpointDetail {
            id,
            times: self.times(),
            heat,
            statuses: statuses
                .into_iter()
                .map(|(s, all)| (s, rounded(all)))
                .collect(),
        }))
    }

    /// Of a family, by its name or that of its samples, as a JSON; `None` where there is none.
    pub(crate) fn family_detail(&self, name: &str) -> Option<String> {
        let named = |family: &&Family| family.kind.writes(&family.name, name);
        let family = self.model.families.iter().find(named)?;
        let moments = self.model.moments();
        let series = busiest(family, MAX_SERIES);
        let bounds = family.series.first().and_then(|series| match &series.last {
            Last::Buckets(counts) => Some(&counts.bounds),
            _ => None,
        });
        let heat = bounds
            .filter(|_| has_heat(family))
            .map(|bounds| self.heat(bounds, family.series.iter(), &moments));
        Some(json(&FamilyDetail {
            name: &family.written_name(),
            times: self.times(),
            series: series
                .into_iter()
                .map(|series| SeriesHistory {
                    labels: &series.labels,
                    history: rounded(series.history(&moments)),
                })
                .collect(),
            heat,
        }))
    }

    fn heat<'a>(
        &self,
        bounds: &Buckets,
        series: impl Iterator<Item = &'a Series>,
        moments: &[Moment],
    ) -> Heat {
        let bounds = bounds.bounds();
        let mut columns = vec![vec![0; bounds.len() + 1]; moments.len()];
        for series in series {
            let Last::Buckets(counts) = &series.last else {
                continue;
            };
            series.add_buckets(moments, |column, increase| {
                add_to_heat(bounds, &mut columns[column], &counts.bounds, increase);
            });
        }
        Heat {
            bounds: bounds.iter().copied().map(Number).collect(),
            columns: columns.into_iter().map(Some).collect(),
        }
    }
}
