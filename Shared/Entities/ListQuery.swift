import JSON
import Values

/// What a list is asked for, checked: `status=new,contacted&createdAt.gte=2026-01-01&sort=-createdAt&limit=50`.
public struct ListQuery: Sendable, Hashable {
    public var filter: Filter
    public var sort: [Sort]
    /// The members wanted, in no order; nil is all.
    public var fields: Set<String>?
    /// 1 to 500.
    public var limit: Int
    public var cursor: String?
    /// Text looked for in the searchable fields.
    public var search: String?
    public var expand: [String]
    public var count: Count?
    /// Parameters that the endpoint asked to keep (`waitFor`).
    public var others: [String: String]

    public enum Count: String, Sendable { case exact, estimated }

    public static let defaultLimit = 50
    public static let limits = 1...500
}

extension ObjectSchema {
    /// The field as filters name it; nil when there is none.
    public func reference(_ name: String, custom: CustomFields = .none) -> FieldReference? {
        if let field = self[name] { return FieldReference(definition: field, isCustom: false) }
        guard hasCustom, name.hasPrefix("custom."), let field = custom[String(name.dropFirst("custom.".count))] else {
            return nil
        }
        return FieldReference(definition: field, isCustom: true)
    }

    /// Reads a list's query parameters, already percent-decoded; throws every issue at once.
    ///
    /// - Parameters:
    ///   - expandable: what `expand` may name.
    ///   - other: further parameters of the endpoint, kept as they are.
    public func listQuery(
        _ parameters: [(name: String, value: String)], custom: CustomFields = .none, context: TextContext,
        expandable: [String] = [], other: Set<String> = []
    ) throws(ValidationFailure) -> ListQuery {
        var query = ListQuery(filter: .everything, sort: [], limit: ListQuery.defaultLimit, expand: [], others: [:])
        var filters: [Filter] = []
        var issues: [FieldIssue] = []
        var seen: Set<String> = []
        for (name, value) in parameters {
            do throws(ValidationFailure) {
                guard seen.insert(name).inserted else {
                    throw ValidationFailure([
                        FieldIssue(name, "duplicate", "Give this once.", zh: "此参数只能出现一次。")
                    ])
                }
                if other.contains(name) {
                    query.others[name] = value
                } else if try !readReserved(name, value, custom, expandable, into: &query) {
                    filters.append(try filter(name, value, custom, context))
                }
            } catch { issues += error.issues }
        }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
        query.filter = filters.count == 1 ? filters[0] : .all(filters)
        return query
    }

    /// Whether `name` is a parameter of every list, not of a field.
    private func readReserved(
        _ name: String, _ value: String, _ custom: CustomFields, _ expandable: [String], into query: inout ListQuery
    ) throws(ValidationFailure) -> Bool {
        switch name {
        case "limit":
            guard let limit = Int(value), ListQuery.limits.contains(limit) else {
                throw ObjectSchema.issue(name, "outOfRange", "Write a number from 1 to 500.", "须为 1 至 500 的整数。")
            }
            query.limit = limit
        case "cursor": query.cursor = value
        case "q":
            let text = TextRules.cleaned(value, multiline: false) ?? ""
            guard !text.isEmpty, text.count <= 100 else {
                throw ObjectSchema.issue(name, "invalidSearch", "Write 1 to 100 characters.", "须为 1 至 100 个字符。")
            }
            query.search = text
        case "count":
            guard let count = ListQuery.Count(rawValue: value) else {
                throw ObjectSchema.issue(name, "unknownChoice", "Write exact or estimated.", "可选值：exact、estimated。")
            }
            query.count = count
        case "sort": query.sort = try sort(value, custom)
        case "fields": query.fields = try names(value)
        case "expand":
            query.expand = value.split(separator: ",").map(String.init)
            if let unknown = query.expand.first(where: { !expandable.contains($0) }) {
                throw ObjectSchema.issue(
                    name, "unknownChoice",
                    "\"\(unknown.prefix(60))\" cannot be expanded; can be: \(expandable.joined(separator: ", ")).",
                    "“\(unknown.prefix(60))”不能展开，可选：\(expandable.joined(separator: "、"))。")
            }
        default: return false
        }
        return true
    }

    private func names(_ value: String) throws(ValidationFailure) -> Set<String> {
        var names: Set<String> = []
        for name in value.split(separator: ",").map(String.init) {
            guard self[name] != nil || (hasCustom && name == "custom") else {
                throw ValidationFailure([unknown(name, in: "fields", .none)])
            }
            names.insert(name)
        }
        guard !names.isEmpty else { throw ObjectSchema.issue("fields", "required", "Name a field.", "请至少写一个字段。") }
        return names
    }

    private func sort(_ value: String, _ custom: CustomFields) throws(ValidationFailure) -> [Sort] {
        var keys: [Sort] = []
        for key in value.split(separator: ",", omittingEmptySubsequences: false) {
            let name = String(key.hasPrefix("-") ? key.dropFirst() : key)
            guard let field = reference(name, custom: custom) else {
                throw ValidationFailure([unknown(name, in: "sort", custom)])
            }
            guard field.definition.isSortable, !keys.contains(where: { $0.field == field }), keys.count < 3 else {
                throw ObjectSchema.issue(
                    "sort", "notSortable", "Sort by at most three different fields; \"\(name)\" cannot be one more.",
                    "最多按三个不同的字段排序，不能再按“\(name)”排序。")
            }
            keys.append(Sort(field, descending: key.hasPrefix("-")))
        }
        return keys
    }

    /// `status=new,contacted` or `createdAt.gte=…`.
    private func filter(
        _ parameter: String, _ value: String, _ custom: CustomFields, _ context: TextContext
    ) throws(ValidationFailure) -> Filter {
        var name = parameter
        var op = Operator.eq
        if reference(name, custom: custom) == nil, let dot = parameter.lastIndex(of: ".") {
            let head = String(parameter[..<dot])
            if reference(head, custom: custom) != nil {
                name = head
                let word = parameter[parameter.index(after: dot)...]
                guard let known = Operator(rawValue: String(word)) else {
                    throw ObjectSchema.issue(
                        parameter, "unsupportedOperator",
                        "There is no operator \"\(word.prefix(30))\"; there are: \(Operator.words).",
                        "没有运算符“\(word.prefix(30))”，可用：\(Operator.words)。")
                }
                op = known
            }
        }
        guard let field = reference(name, custom: custom) else {
            throw ValidationFailure([unknown(parameter, in: parameter, custom)])
        }
        guard field.definition.isFilterable else {
            throw ObjectSchema.issue(parameter, "notFilterable", "Lists cannot be filtered by this.", "不能按此字段筛选。")
        }
        let texts = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard texts.count <= 200, value.utf8.count <= 8000 else {
            throw ObjectSchema.issue(parameter, "tooMany", "Give at most 200 values.", "最多 200 个值。")
        }
        guard TextRules.cleaned(value, multiline: false) != nil else {
            throw ObjectSchema.issue(parameter, "invalidCharacters", "Leave out control characters.", "请去掉控制字符。")
        }
        do throws(ValidationFailure) {
            return .field(field, try field.comparison(op, texts, at: JSONPointer([parameter]), context))
        } catch {
            throw ValidationFailure(
                error.issues.map { FieldIssue(parameter, $0.code, $0.english, zh: $0.chinese) })
        }
    }

    private func unknown(_ name: String, in parameter: String, _ custom: CustomFields) -> FieldIssue {
        let issue = FieldIssue.unknown(JSONPointer(), name, known: fields.map(\.name) + custom.definitions.map(\.name))
        return FieldIssue(parameter, issue.code, issue.english, zh: issue.chinese)
    }

    private static func issue(_ name: String, _ code: String, _ en: String, _ zh: String) -> ValidationFailure {
        ValidationFailure([FieldIssue(name, code, en, zh: zh)])
    }
}
