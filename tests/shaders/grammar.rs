//! What naga takes and others do not: WGSL's own grammar, and HLSL's names.

use super::*;

/// Functions of one name and the same parameter types, structures and constants of one name, that a text of HLSL defines twice.
pub(super) fn duplicates(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let top = text.lines().filter(|line| !line.starts_with([' ', '\t', '}', '[', '#']) && !line.starts_with("typedef"));
    let definitions = top.filter_map(|line| {
        let Some((head, parameters)) = line.split_once('(').filter(|_| !line.contains(['=', ':'])) else {
            let name = line.strip_prefix("struct ").or_else(|| line.strip_prefix("static ")?.split(['=', ';']).next());
            return name.map(|name| name.trim_end_matches(['{', ' ']).to_string());
        };
        let types = parameters.split(')').next()?.split(',').map(|parameter| parameter.trim().rsplit_once(' ').map_or("", |(ty, _)| ty));
        Some(format!("{}({})", head.split(' ').next_back()?, types.collect::<Vec<_>>().join(", ")))
    });
    definitions.filter(|definition| !seen.insert(definition.clone())).collect()
}

#[test]
fn duplicate_helpers_are_seen() {
    let array = "var<storage, read_write> x: array<a4>; @group(0) @binding(1) var<storage, read_write> y: array<b4>;";
    let main = "var s = x[0]; y[0] = b4(s[3], s[2], s[1], s[0]); x[1] = a4(s[0], s[0], s[1], s[1]); y[1] = b4(); x[2] = a4();";
    let source = |a: &str, b: &str| {
        let text = format!("{a}{b} @group(0) @binding(0) {array} @compute @workgroup_size(1) fn main() {{ {main} }}");
        if a.is_empty() { text.replace("a4", "array<vec4<f32>, 4>").replace("b4", "array<vec4<f32>, 4>") } else { text }
    };
    let found = |source: &str| {
        let (module, info) = parse("two types of one spelling", source);
        duplicates(&hlsl("two types of one spelling", &module, &info, ShaderModel::V6_2))
    };
    let twice = found(&source("alias a4 = array<vec4<f32>, 4>;", "alias b4 = array<vec4<f32>, 4>;"));
    assert!(twice.iter().any(|name| name.starts_with("Constructarray4_float4_(")), "{twice:?}");
    assert!(twice.iter().any(|name| name.starts_with("ZeroValuearray4_float4_(")), "{twice:?}");
    assert_eq!(found(&source("", "")), Vec::<String>::new());
}

/// Browsers compile with tint or with what naga accepts; naga accepts more than the grammar.
#[test]
fn every_portable_kernel_is_valid_for_tint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kernel.wgsl");
    if let Err(error) = Command::new("tint").arg("--version").output() {
        println!("tint does not run here ({error}): only the grammar's rules on parentheses are held");
        return;
    }
    let kernels = assembled().into_iter().filter(|one| matches!(one.variant.needs, Needs::Portable | Needs::Gpu) && !one.assembly.words);
    let sources = kernels.map(|one| (one.label, one.source)).chain([("to_texture".to_owned(), internals::to_texture())]);
    for (label, source) in sources {
        std::fs::write(&path, source).expect("a file");
        let output = Command::new("tint")
            .args(["--format", "wgsl", "--output-name"])
            .args([folder.path().join("out.wgsl"), path.clone()])
            .output()
            .expect("tint");
        assert!(output.status.success(), "{label}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn operators_stand_in_the_parentheses_that_the_grammar_demands() {
    for Assembled { label, source, .. } in assembled() {
        assert_eq!(ungrouped(&source), None, "{label}");
    }
    assert_eq!(ungrouped(&internals::to_texture()), None);
    for wrong in ["a | b << 8", "a & b | c", "a + b << c", "a & b == c", "a < b == c", "a && b || c", "f(a, b ^ c + d)", "x[i * 4 >> 2]"] {
        assert!(ungrouped(&format!("let v = {wrong};")).is_some(), "{wrong}");
    }
    for right in ["a | (b << 8) | c", "vec4<u32>(a >> 2, *b & *c)", "a << 2u < b + c && d", "-a * -b + c", "bitcast<vec4<u32>>(a)", "a < b"]
    {
        assert_eq!(ungrouped(&format!("let v = {right};")), None, "{right}");
    }
}

/// The first place where binary operators meet that WGSL's grammar only takes with parentheses: operands of `&`, `|`, `^` and shifts
/// are unary, but for chains of one of the three; comparisons do not chain; `&&` and `||` do not mix.
fn ungrouped(source: &str) -> Option<String> {
    const TEMPLATES: [&str; 12] =
        ["vec2", "vec3", "vec4", "mat2x4", "mat4x4", "array", "ptr", "var", "bitcast", "coopLoad", "coopLoadT", "coop_mat"];
    let comparisons = ["==", "!=", "<=", ">=", "<", ">"];
    let text: String = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    // Operators of the brackets that are open, since the last separator.
    let mut levels: Vec<Vec<&str>> = vec![Vec::new()];
    let (mut rest, mut operand) = (text.trim_start(), false);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        let mut length = word.max(first.len_utf8());
        let here = levels.last_mut()?;
        if word > 0 {
            operand = rest[..word] != *"return";
            if TEMPLATES.iter().any(|name| rest[..word].starts_with(name)) && rest[word..].starts_with('<') {
                let mut depth = 0;
                length += 1 + rest[word..].find(|c| {
                    depth += i32::from(c == '<') - i32::from(c == '>');
                    depth == 0
                })?;
            }
        } else {
            let operator =
                ["<<=", ">>=", "&&", "||", "<<", ">>", "==", "!=", "<=", ">=", "->", "++", "--"].into_iter().find(|o| rest.starts_with(o));
            let operator = operator.unwrap_or(&rest[..length]);
            length = operator.len();
            let assigns = rest[length..].starts_with('=') && !comparisons.contains(&operator);
            match operator {
                "(" | "[" | "{" => levels.push(Vec::new()),
                ")" | "]" | "}" => drop(levels.pop()),
                "," | ";" | "=" | ":" | "<<=" | ">>=" | "->" | "@" => here.clear(),
                _ if assigns => here.clear(),
                _ if operand && operator != "++" && operator != "--" => here.push(operator),
                _ => {}
            }
            operand = matches!(operator, ")" | "]" | "++" | "--");
        }
        let here = levels.last()?;
        let part = here.rsplit(|o| ["&&", "||"].contains(o)).next()?;
        let term = part.rsplit(|o| comparisons.contains(o)).next()?;
        let bits = here.iter().any(|o| ["&", "|", "^"].contains(o)) && here.iter().any(|o| *o != here[0]);
        let shifts = term.len() > 1 && term.iter().any(|o| ["<<", ">>"].contains(o));
        let mixed = here.contains(&"&&") && here.contains(&"||");
        if bits || shifts || mixed || part.iter().filter(|o| comparisons.contains(o)).count() > 1 {
            return Some(format!("{here:?} before {:?}", rest.chars().take(40).collect::<String>()));
        }
        rest = rest[length..].trim_start();
    }
    None
}
