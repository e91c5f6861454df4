import HTTP
import JSON

/// Says in HTML what a JSON Schema of the API document says.
struct SchemaText {
    let frame: PageFrame

    /// A value in a few words: its type or the schema that it follows, then its format, bounds and choices.
    func type(_ schema: JSON?) -> String {
        guard let schema else { return "" }
        if let name = SchemaText.reference(schema) {
            return "<a href=\"#schema-\(PageFrame.escaped(name))\">\(PageFrame.code(name))</a>"
        }
        return ([kind(schema)] + facts(schema)).joined(separator: frame.say(en: ", ", zh: "，"))
    }

    /// A table of an object's members, those of objects within it too (`amount.currency`, `items[].id`); nothing for a
    /// schema without members.
    func members(_ schema: JSON) -> String {
        frame.table(
            .init(en: "Members", zh: "字段"),
            [
                .init(en: "Member", zh: "字段"), .init(en: "Type", zh: "类型"), .init(en: "Required", zh: "必需"),
                .init(en: "Meaning", zh: "说明"),
            ], rows(schema, under: ""))
    }

    /// What is said of a parameter or a member besides its type: its label and its description.
    func meaning(_ schema: JSON) -> String {
        let english = schema["title"]?.string ?? ""
        let chinese = schema["x-label-zh"]?.string ?? ""
        let label =
            frame.language == .chinese && !chinese.isEmpty
            ? frame.text(chinese, in: .chinese) : frame.english(english)
        let description = frame.english(schema["description"]?.string ?? "")
        return [label, description].filter { !$0.isEmpty }.joined(separator: " · ")
    }

    func yes(_ condition: Bool) -> String { condition ? frame.say(en: "yes", zh: "是") : "" }

    /// The name of the schema that is referred to.
    static func reference(_ schema: JSON) -> String? {
        schema["$ref"]?.string?.split(separator: "/").last.map(String.init)
    }

    // MARK: - Pieces

    private func rows(_ schema: JSON, under prefix: String) -> [[String]] {
        if let items = schema["items"] { return rows(items, under: prefix + "[].") }
        let required = Set((schema["required"]?.array ?? []).compactMap(\.string))
        return (schema["properties"]?.object ?? [:]).flatMap { member -> [[String]] in
            let row = [
                PageFrame.code(prefix + member.name), type(member.value), yes(required.contains(member.name)),
                meaning(member.value),
            ]
            let isList = member.value["items"] != nil
            return [row]
                + rows(member.value["items"] ?? member.value, under: prefix + member.name + (isList ? "[]." : "."))
        }
    }

    private func kind(_ schema: JSON) -> String {
        let names = schema["type"]?.array?.compactMap(\.string) ?? [schema["type"]?.string].compactMap { $0 }
        let kinds = names.filter { $0 != "null" }.map { name in
            guard name == "array", let items = schema["items"] else { return PageFrame.code(name) }
            let element = type(items)
            return LocalizedText(en: "list of \(element)", zh: "\(element) 列表")(frame.language)
        }
        let or = frame.say(en: " or ", zh: " 或 ")
        guard !kinds.isEmpty else { return frame.say(en: "any JSON", zh: "任意 JSON") }
        return (kinds + (names.contains("null") ? [PageFrame.code("null")] : [])).joined(separator: or)
    }

    private func facts(_ schema: JSON) -> [String] {
        var facts: [String] = []
        func number(_ name: String) -> String? { schema[name].map { PageFrame.escaped($0.description) } }
        if let format = schema["format"]?.string { facts.append(PageFrame.code(format)) }
        if let entity = schema["x-references"]?.string {
            let name = PageFrame.code(entity)
            facts.append(LocalizedText(en: "the id of \(name)", zh: "\(name) 的编号")(frame.language))
        }
        switch (number("minimum"), number("maximum")) {
        case (let low?, let high?): facts.append("\(low)–\(high)")
        case (let low?, nil): facts.append("≥ \(low)")
        case (nil, let high?): facts.append("≤ \(high)")
        case (nil, nil): break
        }
        switch (number("minLength"), number("maxLength")) {
        case (let least?, let most?):
            facts.append(frame.say(en: "\(least)–\(most) characters", zh: "\(least)–\(most) 个字符"))
        case (let least?, nil): facts.append(frame.say(en: "at least \(least) characters", zh: "至少 \(least) 个字符"))
        case (nil, let most?): facts.append(frame.say(en: "at most \(most) characters", zh: "最多 \(most) 个字符"))
        case (nil, nil): break
        }
        if let most = number("maxItems") { facts.append(frame.say(en: "at most \(most)", zh: "最多 \(most) 项")) }
        if let pattern = schema["pattern"]?.string { facts.append(PageFrame.code(pattern)) }
        if let choices = choices(schema) { facts.append(choices) }
        if let value = schema["default"] {
            facts.append(frame.say(en: "default ", zh: "默认 ") + PageFrame.code(value.string ?? value.description))
        }
        if schema["readOnly"] == true { facts.append(frame.say(en: "read-only", zh: "只读")) }
        return facts
    }

    /// The values that are taken, each with its label where that says more than the value.
    private func choices(_ schema: JSON) -> String? {
        guard let values = schema["enum"]?.array?.compactMap(\.string), !values.isEmpty else { return nil }
        let words = values.map { value in
            let label = schema["x-enum-labels"]?[value]?[frame.language.rawValue]?.string ?? value
            return PageFrame.code(value)
                + (label.lowercased() == value.lowercased() ? "" : " \(frame.text(label, in: frame.language))")
        }
        return frame.say(en: "one of ", zh: "可选 ") + words.joined(separator: frame.say(en: ", ", zh: "、"))
    }
}
