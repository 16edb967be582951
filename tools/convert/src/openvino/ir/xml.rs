//! The XML of a graph, read as it comes: what is kept is charged, what is not known is skipped, and the time is that of reading.

use std::collections::HashMap;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::super::super::budget::Budget;
use super::super::super::error::{ConvertError, Result};
use super::{Layer, Value};

/// What a layer, a port or an edge costs beside its texts.
const NODE: usize = 256;

/// Where in the file a tag is; what is not known is all the same.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Net,
    Layers,
    Layer,
    Input,
    Output,
    Edges,
    Other,
}

/// The layers of a graph, their inputs tied to where they come from.
pub(super) fn layers(name: &'static str, xml: &[u8], budget: &Budget) -> Result<Vec<Layer>> {
    let malformed = |text: String| ConvertError::malformed(format!("{name}.xml: {text}"));
    let text = std::str::from_utf8(xml).map_err(|error| malformed(error.to_string()))?;
    let mut outline = Outline { name, budget, layers: Vec::new(), ids: HashMap::new(), ports: HashMap::new(), edges: Vec::new() };
    let mut reader = quick_xml::Reader::from_str(text);
    let mut places = Vec::new();
    let mut begun = false;
    loop {
        budget.work(1)?;
        let event = reader.read_event().map_err(|error| malformed(error.to_string()))?;
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                let place = match places.last() {
                    Some(&parent) => outline.enter(parent, tag)?,
                    None if begun => return Err(malformed("something follows the outermost element".into())),
                    None => outline.root(tag)?,
                };
                begun = true;
                if matches!(event, Event::Start(_)) {
                    places.push(place);
                }
            }
            Event::End(_) => drop(places.pop()),
            // Entities are how a small XML becomes a large one.
            Event::DocType(_) => return Err(malformed("it has a document type (a DTD), which an OpenVINO IR has not".into())),
            Event::Decl(_) if begun => return Err(malformed("an XML declaration is within it".into())),
            Event::Eof if places.is_empty() && begun => return outline.tie(),
            Event::Eof => return Err(malformed("it ends before its outermost element does".into())),
            _ => {}
        }
    }
}

/// What was read so far.
struct Outline<'b> {
    name: &'static str,
    budget: &'b Budget,
    layers: Vec<Layer>,
    /// Layers by their ids.
    ids: HashMap<String, usize>,
    /// Ports by layer, side and id: how many came before it on that side.
    ports: HashMap<(usize, bool, String), usize>,
    /// From layer, port, to layer, port.
    edges: Vec<[String; 4]>,
}

impl Outline<'_> {
    fn root(&mut self, tag: &BytesStart<'_>) -> Result<Place> {
        if tag.name().0 != "net" {
            let found: String = tag.name().0.chars().take(80).collect();
            return Err(self.malformed(format!("the outermost element is {found}, of an OpenVINO IR it is net")));
        }
        let [version] = self.attributes(tag, ["version"])?;
        match version.as_deref().unwrap_or("of no version") {
            "10" | "11" => Ok(Place::Net),
            version => Err(ConvertError::unsupported(format!("{}.xml is an OpenVINO IR {version}; 10 and 11 are known", self.name))),
        }
    }

    fn enter(&mut self, parent: Place, tag: &BytesStart<'_>) -> Result<Place> {
        let place = match (parent, tag.name().0) {
            (Place::Net, "layers") => Place::Layers,
            (Place::Net, "edges") => Place::Edges,
            (Place::Layers, "layer") => Place::Layer,
            (Place::Layer, "input") => Place::Input,
            (Place::Layer, "output") => Place::Output,
            (Place::Layer, "data") => return self.data(tag),
            (Place::Input | Place::Output, "port") => return self.port(parent, tag),
            (Place::Edges, "edge") => return self.edge(tag),
            _ => return Ok(Place::Other),
        };
        if place == Place::Layer {
            let [id, name, kind] = self.attributes(tag, ["id", "name", "type"])?;
            let id = self.need(id, "layer", "id")?;
            self.budget.memory(NODE + id.len())?;
            let layer = self.layers.len();
            if self.ids.insert(id.clone(), layer).is_some() {
                return Err(self.malformed(format!("two layers have the id {id}")));
            }
            let kind = self.need(kind, "layer", "type")?;
            self.layers.push(Layer { name: name.unwrap_or_default(), kind, data: HashMap::new(), inputs: Vec::new(), outputs: 0 });
        }
        Ok(place)
    }

    fn data(&mut self, tag: &BytesStart<'_>) -> Result<Place> {
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(error.to_string()))?;
            let (key, value) = (attribute.key.0, self.text(&attribute)?);
            self.budget.memory(NODE + key.len() + value.len())?;
            let layer = self.layers.last_mut().expect("data is in a layer");
            if layer.data.insert(key.to_owned(), value).is_some() {
                return Err(self.malformed(format!("an operation has {key} twice")));
            }
        }
        Ok(Place::Other)
    }

    fn port(&mut self, side: Place, tag: &BytesStart<'_>) -> Result<Place> {
        let [id] = self.attributes(tag, ["id"])?;
        let id = self.need(id, "port", "id")?;
        self.budget.memory(NODE)?;
        let index = self.layers.len() - 1;
        let layer = &mut self.layers[index];
        let is_input = side == Place::Input;
        let number = if is_input { layer.inputs.len() } else { layer.outputs };
        match is_input {
            true => layer.inputs.push(None),
            false => layer.outputs += 1,
        }
        match self.ports.insert((index, is_input, id), number) {
            None => Ok(Place::Other),
            Some(_) => Err(self.malformed("two ports of a layer have the same id".into())),
        }
    }

    fn edge(&mut self, tag: &BytesStart<'_>) -> Result<Place> {
        let ends = ["from-layer", "from-port", "to-layer", "to-port"];
        let [a, b, c, d] = self.attributes(tag, ends)?;
        self.budget.memory(NODE)?;
        let edge = [
            self.need(a, "edge", ends[0])?,
            self.need(b, "edge", ends[1])?,
            self.need(c, "edge", ends[2])?,
            self.need(d, "edge", ends[3])?,
        ];
        self.edges.push(edge);
        Ok(Place::Other)
    }

    /// Ties inputs to outputs.
    fn tie(mut self) -> Result<Vec<Layer>> {
        for [from_layer, from_port, to_layer, to_port] in std::mem::take(&mut self.edges) {
            let port = |layer: &String, port: &String, is_input: bool| {
                let layer = *self.ids.get(layer)?;
                Some((layer, *self.ports.get(&(layer, is_input, port.clone()))?))
            };
            let from = port(&from_layer, &from_port, false);
            let (layer, output) =
                from.ok_or_else(|| self.malformed(format!("an edge comes from a missing port {from_layer}:{from_port}")))?;
            let to = port(&to_layer, &to_port, true);
            let (to, input) = to.ok_or_else(|| self.malformed(format!("an edge goes to a missing port {to_layer}:{to_port}")))?;
            self.layers[to].inputs[input] = Some(Value { layer, output });
        }
        Ok(self.layers)
    }

    /// The attributes of these names; each once.
    fn attributes<const N: usize>(&self, tag: &BytesStart<'_>, names: [&str; N]) -> Result<[Option<String>; N]> {
        let mut found = [const { None }; N];
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(error.to_string()))?;
            let Some(index) = names.iter().position(|name| *name == attribute.key.0) else { continue };
            let value = self.text(&attribute)?;
            self.budget.memory(value.len())?;
            if found[index].replace(value).is_some() {
                return Err(self.malformed(format!("a {} has {} twice", tag.name().0, names[index])));
            }
        }
        Ok(found)
    }

    fn text(&self, attribute: &quick_xml::events::attributes::Attribute<'_>) -> Result<String> {
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| self.malformed(error.to_string()))?;
        Ok(value.into_owned())
    }

    fn need(&self, value: Option<String>, element: &str, name: &str) -> Result<String> {
        value.ok_or_else(|| self.malformed(format!("a {element} has no {name}")))
    }

    fn malformed(&self, text: String) -> ConvertError {
        ConvertError::malformed(format!("{}.xml: {text}", self.name))
    }
}
