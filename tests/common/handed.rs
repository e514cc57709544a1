//! Hits on their way from the proxy to where they are counted.

use headcount::model::site::Site;
use headcount::model::{Hit, PageKind, What};
use headcount::visitor::Introduced;

/// Hits as the proxy hands them over: it does not describe again who was introduced lately. The
/// hits that a model is told are whole.
pub struct Handed {
    introduced: Introduced,
    always: bool,
}

impl Handed {
    /// Where so many visitors are remembered.
    pub fn new(site: &Site, remembered: usize) -> Self {
        Self { introduced: Introduced::new(remembered), always: site.new_visit_on_source }
    }

    pub fn hand(&mut self, mut hit: Hit) -> Hit {
        let Some(visitor) = hit.visitor else { return hit };
        let mut introduces = false;
        if let What::Answered(answered) = &mut hit.what {
            let known = !self.always && self.introduced.knows(visitor, hit.at);
            if answered.kind != PageKind::View || known {
                answered.traits = None;
            }
            introduces = answered.traits.is_some();
        }
        self.introduced.meet(visitor, hit.at, introduces);
        hit
    }
}
