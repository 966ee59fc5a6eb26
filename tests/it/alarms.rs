//! `infra/alarms.yaml` against the code and against `docs/alarms.md`: nobody is woken by a figure that nobody counts, and
//! everything that is counted can be seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use runtime::emf::{FUNCTION_NAME, NAMESPACE, SERVICE};
use serde_json::Value;
use telemetry::Metric;
use yaml_rust2::{Yaml, YamlLoader};

/// The most figures on alarms: beyond ten each costs 0.10 USD a month.
const MAX_WATCHED: usize = 25;

/// The most figures of a dashboard that costs nothing.
const MAX_SHOWN: usize = 50;

/// What AWS counts itself and is looked at here, with the dimension that it is looked up by.
const OF_AWS: [(&str, &str, Option<&str>); 9] = [
    ("AWS/DynamoDB", "ReadThrottleEvents", Some("TableName")),
    ("AWS/DynamoDB", "WriteThrottleEvents", Some("TableName")),
    ("AWS/Lambda", "AsyncEventsDropped", Some("FunctionName")),
    ("AWS/Lambda", "Duration", Some("FunctionName")),
    ("AWS/Lambda", "Errors", Some("FunctionName")),
    ("AWS/Lambda", "Throttles", Some("FunctionName")),
    // Of the whole account.
    ("AWS/Lambda", "Throttles", None),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", Some("QueueName")),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", Some("QueueName")),
];

/// A figure as an alarm or a widget names it: namespace, name, and the dimensions with whose values.
type Figure = (String, String, BTreeMap<String, String>);

fn workspace(file: &str) -> String {
    fs::read_to_string(format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn read(file: &str) -> Yaml {
    YamlLoader::load_from_str(&workspace(file)).unwrap().remove(0)
}

/// The alarms by their names.
fn alarms() -> BTreeMap<String, Yaml> {
    let template = read("infra/alarms.yaml");
    let resources = template["Resources"].as_hash().unwrap().iter();
    let alarms = resources.filter(|(_, is)| is["Type"].as_str() == Some("AWS::CloudWatch::Alarm"));
    alarms.map(|(name, is)| (name.as_str().unwrap().to_owned(), is["Properties"].clone())).collect()
}

/// What an alarm looks at: one figure, or several and what is made of them.
fn looked_at(alarm: &Yaml) -> Vec<Figure> {
    match alarm["Metrics"].as_vec() {
        None => vec![figure(alarm)],
        Some(metrics) => {
            let stats = metrics.iter().map(|metric| &metric["MetricStat"]["Metric"]);
            stats.filter(|metric| !metric.is_badvalue()).map(figure).collect()
        }
    }
}

fn figure(metric: &Yaml) -> Figure {
    let text = |name: &str| metric[name].as_str().unwrap().to_owned();
    let dimensions = metric["Dimensions"].as_vec().into_iter().flatten();
    let dimensions = dimensions.map(|dimension| {
        (dimension["Name"].as_str().unwrap().to_owned(), dimension["Value"].as_str().unwrap().to_owned())
    });
    (text("Namespace"), text("MetricName"), dimensions.collect())
}

fn widgets() -> Vec<Value> {
    let template = read("infra/alarms.yaml");
    let body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["widgets"].as_array().unwrap().clone()
}

/// Every figure of every widget, and the titles of those that have some.
fn shown() -> (Vec<Figure>, Vec<String>) {
    let mut widgets = widgets();
    widgets.retain(|widget| widget["type"] == "metric");
    let titles = widgets.iter().map(|widget| widget["properties"]["title"].as_str().unwrap().to_owned());
    let rows = widgets.iter().flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
    // Namespace, name, then a dimension and its value each; options and expressions are objects.
    let rows = rows.map(|row| row.as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let figures = rows.filter(|words| !words.is_empty()).map(|words| {
        let dimensions = words[2..].chunks(2).map(|pair| (pair[0].to_owned(), value_of(pair[1])));
        (words[0].to_owned(), words[1].to_owned(), dimensions.collect())
    });
    (figures.collect(), titles.collect())
}

/// `${Service}` is what `!Ref Service` is.
fn value_of(reference: &str) -> String {
    reference.strip_prefix("${").and_then(|name| name.strip_suffix('}')).unwrap().to_owned()
}

/// Whether somebody counts it, under these dimensions.
fn check(figure: &Figure) {
    let (namespace, name, dimensions) = figure;
    let names: Vec<_> = dimensions.keys().map(String::as_str).collect();
    if namespace == NAMESPACE {
        let metric = Metric::ALL.iter().find(|metric| metric.name() == name);
        let expected: &[&str] = match metric.unwrap_or_else(|| panic!("nobody counts {name}")) {
            Metric::ColdStart => &[FUNCTION_NAME, SERVICE],
            _ => &[SERVICE],
        };
        assert_eq!(names, expected, "{name}");
        assert_eq!(dimensions[SERVICE], "Service", "{name}");
    } else {
        let known = OF_AWS.iter().any(|(known_namespace, known_name, dimension)| {
            namespace == known_namespace && name == known_name && names == dimension.as_slice()
        });
        assert!(known, "{figure:?}");
    }
    let parameters = read("infra/alarms.yaml")["Parameters"].clone();
    for value in dimensions.values() {
        assert!(!parameters[value.as_str()].is_badvalue(), "{value} in {figure:?}");
    }
}

#[test]
fn what_is_looked_at_is_counted_and_what_is_counted_can_be_seen() {
    let (shown, _) = shown();
    let alarms = alarms();
    for figure in alarms.values().flat_map(looked_at).chain(shown.clone()) {
        check(&figure);
    }
    let seen: BTreeSet<_> = shown.iter().filter(|(namespace, ..)| namespace == NAMESPACE).collect();
    let seen: BTreeSet<_> = seen.into_iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(seen, Metric::ALL.iter().map(|metric| metric.name()).collect());
    let widgets = widgets();
    let listed = widgets.iter().find(|widget| widget["type"] == "alarm").expect("a list of alarms");
    let listed = listed["properties"]["alarms"].as_array().unwrap().iter();
    let listed: BTreeSet<_> = listed.map(|arn| arn.as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, alarms.keys().map(|name| format!("${{{name}.Arn}}")).collect());
}

#[test]
fn every_function_queue_and_table_is_watched() {
    let figures: Vec<_> = alarms().values().flat_map(looked_at).chain(shown().0).collect();
    let values: BTreeSet<_> = figures.iter().flat_map(|(.., dimensions)| dimensions.values()).collect();
    let template = read("template.yaml");
    for (name, resource) in template["Resources"].as_hash().unwrap() {
        let kind = resource["Type"].as_str().unwrap();
        let is_watched =
            ["AWS::Serverless::Function", "AWS::SQS::Queue", "AWS::DynamoDB::Table"].contains(&kind);
        assert!(!is_watched || values.contains(&name.as_str().unwrap().to_owned()), "{name:?}");
    }
    let errors = looked_at(&alarms()["FunctionErrorsAlarm"]);
    let functions = template["Resources"].as_hash().unwrap().values();
    let functions = functions.filter(|is| is["Type"].as_str() == Some("AWS::Serverless::Function"));
    assert_eq!(errors.len(), functions.count());
}

#[test]
fn an_alarm_is_cheap_says_where_to_read_on_and_is_quiet_when_nobody_asks() {
    let alarms = alarms();
    for (name, alarm) in &alarms {
        let said = alarm["AlarmDescription"].as_str().unwrap();
        assert!(said.ends_with("See docs/alarms.md."), "{name}: {said}");
        assert_eq!(alarm["TreatMissingData"].as_str(), Some("notBreaching"), "{name}");
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[actions][0].as_str(), Some("HasTopic"), "{name}");
        }
    }
    let figures = alarms.values().map(|alarm| looked_at(alarm).len()).sum::<usize>();
    assert!(figures <= MAX_WATCHED, "{figures}");
    let shown: BTreeSet<_> = shown().0.into_iter().collect();
    assert!(shown.len() <= MAX_SHOWN, "{}", shown.len());
    let said = format!("at: {figures} of them here.");
    assert!(workspace("infra/alarms.yaml").contains(&said), "{said}");
    assert!(workspace("docs/cost.md").contains(&format!("{figures} figures on alarms")), "{figures}");
}

/// Whoever is woken finds a section with the alarm's name, and whoever wonders what a figure means finds it.
#[test]
fn the_page_of_alarms_is_the_template_and_the_table() {
    let page = workspace("docs/alarms.md");
    let sections = page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let sections: BTreeSet<_> = sections.map(ToOwned::to_owned).collect();
    assert_eq!(sections, alarms().into_keys().collect());
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let table = Metric::ALL
        .iter()
        .map(|metric| format!("| `{}` | {} | {} |", metric.name(), metric.unit().name(), metric.help()));
    assert_eq!(rows, table.collect::<Vec<_>>());
    let (_, titles) = shown();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for title in titles {
        assert!(page.contains(&format!("*{title}*")), "{title}");
    }
}

/// The stack gets everything that it asks for, each threshold from a parameter with a default.
#[test]
fn the_stack_is_given_all_it_asks_for() {
    let (template, alarms) = (read("template.yaml"), read("infra/alarms.yaml"));
    let given = template["Resources"]["Watch"]["Properties"]["Parameters"].as_hash().unwrap();
    let wanted: Vec<_> = alarms["Parameters"].as_hash().unwrap().keys().collect();
    assert_eq!(given.keys().collect::<Vec<_>>(), wanted);
    for (name, value) in given {
        let (name, value) = (name.as_str().unwrap(), value.as_str().unwrap());
        let is_number = alarms["Parameters"][name]["Type"].as_str() == Some("Number");
        if is_number {
            assert_eq!(value, format!("Alarm{name}"));
            assert!(template["Parameters"][value]["Default"].as_i64().is_some(), "{value}");
        }
    }
    let globals = &template["Globals"]["Function"];
    let service = &globals["Environment"]["Variables"]["MEDIA_METRICS_SERVICE"];
    assert_eq!(service, &given[&Yaml::String("Service".to_owned())], "the same name on both sides");
    // Lambda passes on what is JSON, at this level and above.
    assert_eq!(globals["LoggingConfig"]["LogFormat"].as_str(), Some("JSON"));
    assert_eq!(globals["LoggingConfig"]["ApplicationLogLevel"].as_str(), Some("INFO"));
}
