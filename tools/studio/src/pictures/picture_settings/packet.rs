//! The packet: XMP with one property of ours, and IPTC's word for what a trained model has made.

use quick_xml::escape::{partial_escape, resolve_predefined_entity};
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

use super::PictureError;

/// The name of our property in XMP.
pub(super) const NAMESPACE: &str = "urn:stylegan-wgpu:";
const PROPERTY: &str = "settings";
const SYNTHETIC: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

pub(super) fn write(tool: &str, json: &str) -> String {
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description rdf:about=\"\" \
         xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" \
         xmlns:stylegan=\"{NAMESPACE}\"><xmp:CreatorTool>{}</xmp:CreatorTool>\
         <Iptc4xmpExt:DigitalSourceType>{SYNTHETIC}</Iptc4xmpExt:DigitalSourceType>\
         <stylegan:{PROPERTY}>{}</stylegan:{PROPERTY}></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>",
        partial_escape(tool),
        partial_escape(json)
    )
}

/// The text of our property: of the element, or of an attribute, which another program that wrote the packet again may have made of it.
pub(super) fn read(packet: &str) -> Result<Option<String>, PictureError> {
    const DAMAGED: PictureError = PictureError::Damaged("its XMP cannot be read");
    let is_ours = |namespace: &ResolveResult<'_>, name: &str| *namespace == ResolveResult::Bound(Namespace(NAMESPACE)) && name == PROPERTY;
    let mut reader = NsReader::from_str(packet.trim_start_matches('\u{feff}'));
    let (mut depth, mut begun) = (0, false);
    // The text so far, and how deep its element is.
    let (mut text, mut inside) = (None::<String>, None);
    loop {
        let event = reader.read_event().map_err(|_| DAMAGED)?;
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                begun = true;
                let (namespace, name) = reader.resolver().resolve_element(tag.name());
                if text.is_none() && is_ours(&namespace, name.as_ref()) && matches!(event, Event::Start(_)) {
                    (text, inside) = (Some(String::new()), Some(depth));
                }
                // Every attribute is looked at once; whether one is there twice would be asked of each pair.
                for attribute in tag.attributes().with_checks(false) {
                    let attribute = attribute.map_err(|_| DAMAGED)?;
                    let (namespace, name) = reader.resolver().resolve_attribute(attribute.key);
                    if text.is_none() && is_ours(&namespace, name.as_ref()) {
                        text = Some(attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| DAMAGED)?.into_owned());
                    }
                }
                depth += usize::from(matches!(event, Event::Start(_)));
            }
            Event::End(_) => {
                depth -= 1;
                inside = inside.filter(|&at| at < depth);
            }
            Event::Eof if depth == 0 && begun => return Ok(text),
            // Entities are how a small XML becomes a large one.
            Event::Eof | Event::DocType(_) => return Err(DAMAGED),
            _ => {
                let piece = match &event {
                    _ if inside.is_none() => continue,
                    Event::Text(text) => text.xml10_content(),
                    Event::CData(text) => text.xml10_content(),
                    Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(|_| DAMAGED)? {
                        Some(character) => character.to_string().into(),
                        None => resolve_predefined_entity(reference).ok_or(DAMAGED)?.into(),
                    },
                    _ => continue,
                };
                text.get_or_insert_default().push_str(&piece);
            }
        }
    }
}
