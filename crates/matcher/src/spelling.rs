//! Folds spelling variants.

use std::collections::HashSet;

/// Variant, canonical. Omits variants that are another word (`metre`, `programme`, `licence`,
/// `tyre`) or a name (`Labour`).
const SPELLINGS: &[(&str, &str)] = &[
    ("aluminium", "aluminum"),
    ("apologise", "apologize"),
    ("authorise", "authorize"),
    ("behaviour", "behavior"),
    ("cancelled", "canceled"),
    ("cancelling", "canceling"),
    ("categorise", "categorize"),
    ("centre", "center"),
    ("centres", "centers"),
    ("colour", "color"),
    ("coloured", "colored"),
    ("colours", "colors"),
    ("customise", "customize"),
    ("diarrhoea", "diarrhea"),
    ("doughnut", "donut"),
    ("doughnuts", "donuts"),
    ("e-mail", "email"),
    ("e-mails", "emails"),
    ("favour", "favor"),
    ("favourite", "favorite"),
    ("favourites", "favorites"),
    ("fibre", "fiber"),
    ("finalise", "finalize"),
    ("flavour", "flavor"),
    ("flavours", "flavors"),
    ("fulfil", "fulfill"),
    ("grey", "gray"),
    ("harbour", "harbor"),
    ("humour", "humor"),
    ("initialise", "initialize"),
    ("jewellery", "jewelry"),
    ("kilometre", "kilometer"),
    ("kilometres", "kilometers"),
    ("labelled", "labeled"),
    ("memorise", "memorize"),
    ("minimise", "minimize"),
    ("maximise", "maximize"),
    ("modelling", "modeling"),
    ("mould", "mold"),
    ("moustache", "mustache"),
    ("neighbour", "neighbor"),
    ("odour", "odor"),
    ("okay", "ok"),
    ("optimise", "optimize"),
    ("organisation", "organization"),
    ("organise", "organize"),
    ("organised", "organized"),
    ("organising", "organizing"),
    ("paediatric", "pediatric"),
    ("personalise", "personalize"),
    ("plough", "plow"),
    ("prioritise", "prioritize"),
    ("pyjamas", "pajamas"),
    ("realise", "realize"),
    ("recognise", "recognize"),
    ("rumour", "rumor"),
    ("sanitise", "sanitize"),
    ("sceptical", "skeptical"),
    ("serialise", "serialize"),
    ("summarise", "summarize"),
    ("synchronise", "synchronize"),
    ("theatre", "theater"),
    ("theatres", "theaters"),
    ("travelled", "traveled"),
    ("traveller", "traveler"),
    ("travelling", "traveling"),
    ("tumour", "tumor"),
    ("unauthorised", "unauthorized"),
    ("visualise", "visualize"),
    ("vapour", "vapor"),
    ("wi-fi", "wifi"),
    ("yoghurt", "yogurt"),
];

const SPLIT: &[(&str, [&str; 2])] = &[
    ("log-in", ["log", "in"]),
    ("login", ["log", "in"]),
    ("log-out", ["log", "out"]),
    ("logout", ["log", "out"]),
    ("sign-in", ["sign", "in"]),
    ("signin", ["sign", "in"]),
    ("sign-up", ["sign", "up"]),
    ("signup", ["sign", "up"]),
    ("check-in", ["check", "in"]),
    ("checkin", ["check", "in"]),
];

/// Whether folding would make one word of two.
pub(crate) fn has_two_variants(words: &[String]) -> bool {
    let distinct = |words: &[String]| words.iter().collect::<HashSet<_>>().len();
    let mut folded: Vec<String> = words.to_vec();
    folded.retain(|word| !SPLIT.iter().any(|(other, _)| other == word));
    let before = distinct(&folded);
    fold_spelling(&mut folded);
    distinct(&folded) < before
}

pub(crate) fn fold_spelling(words: &mut Vec<String>) {
    let mut folded = Vec::with_capacity(words.len());
    for word in words.drain(..) {
        let text = word.as_str();
        if let Some((_, form)) = SPELLINGS.iter().find(|(other, _)| *other == text) {
            folded.push((*form).to_owned());
        } else if let Some((_, parts)) = SPLIT.iter().find(|(other, _)| *other == text) {
            folded.extend(parts.map(str::to_owned));
        } else {
            folded.push(word);
        }
    }
    *words = folded;
}
