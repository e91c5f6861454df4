import JSON

/// What became of several documents that were merged.
public struct MergedDocument: Sendable {
    public let document: JSON
    /// Why something was left out; empty when everything is there.
    public let conflicts: [RouteConflict]
}

extension OpenAPI {
    /// One document from those of several services.
    ///
    /// - Parameter roles: the roles that have a permission, written as `x-roles` beside `x-permission`.
    /// - Throws: ``RouteConflict`` when two documents declare the same operation, operation id, or a schema name with
    ///   another content.
    public static func merge(
        _ documents: [JSON], info: Info, roles: (Permission) -> [String] = { _ in [] }
    ) throws(RouteConflict) -> JSON {
        let merged = mergeWhatFits(documents, info: info, roles: roles)
        if let conflict = merged.conflicts.first { throw conflict }
        return merged.document
    }

    /// As ``merge(_:info:roles:)``, but of what contradicts a document before it that part alone is left out: an
    /// operation that is there already, a schema whose name means something else, and what refers to such a schema.
    public static func mergeWhatFits(
        _ documents: [JSON], info: Info, roles: (Permission) -> [String] = { _ in [] }
    ) -> MergedDocument {
        var merge = Merge()
        for document in documents { merge.add(document, roles) }
        return MergedDocument(document: merge.document(info), conflicts: merge.conflicts)
    }

    fileprivate static func withRoles(_ operation: JSON, _ roles: (Permission) -> [String]) -> JSON {
        guard let permission = operation["x-permission"]?.string else { return operation }
        let names = roles(Permission(permission))
        guard !names.isEmpty else { return operation }
        var operation = operation
        operation["x-roles"] = .array(names.map { .string($0) })
        return operation
    }

    /// What is wrong with a document: references to schemas that are not there, path parameters that do not fit the
    /// path, operations without an id or a response. Empty for a sound document.
    public static func faults(of document: JSON) -> [String] {
        let schemas = Set(document["components"]?["schemas"]?.object?.names ?? [])
        var faults: [String] = []
        for name in references(in: document) where !schemas.contains(name) {
            faults.append("The schema \(name) is referred to but not defined.")
        }
        for (path, item) in document["paths"]?.object ?? [:] {
            let inPath = Set(
                path.split(separator: "/").filter { $0.first == "{" }.map { String($0.dropFirst().dropLast()) })
            for (method, operation) in item.object ?? [:] {
                let place = "\(method.uppercased()) \(path)"
                let declared = (operation["parameters"]?.array ?? [])
                    .filter { $0["in"] == "path" }.compactMap { $0["name"]?.string }
                if Set(declared) != inPath { faults.append("\(place): its path parameters are not those declared.") }
                if operation["operationId"]?.string == nil { faults.append("\(place) has no operationId.") }
                if operation["responses"]?.object?.isEmpty != false { faults.append("\(place) has no response.") }
            }
        }
        return faults
    }

    fileprivate static func references(in value: JSON) -> Set<String> {
        switch value {
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(references(in: $1)) }
        case .object(let members):
            members.reduce(into: []) { found, member in
                if member.name == "$ref", let target = member.value.string {
                    found.insert(target.replacing("#/components/schemas/", with: ""))
                } else {
                    found.formUnion(references(in: member.value))
                }
            }
        default: []
        }
    }
}

/// The documents so far.
private struct Merge {
    private var paths: [String: JSONObject] = [:]
    private var schemas: [String: JSON] = [:]
    private var operations: [String: String] = [:]
    private(set) var conflicts: [RouteConflict] = []

    mutating func add(_ document: JSON, _ roles: (Permission) -> [String]) {
        let given = document["components"]?["schemas"]?.object ?? [:]
        let others = meaningSomethingElse(given)
        for (name, definition) in given where !others.contains(name) { schemas[name] = definition }
        for (path, item) in document["paths"]?.object ?? [:] {
            for (method, operation) in item.object ?? [:] {
                add(operation, method, path, others) { OpenAPI.withRoles($0, roles) }
            }
        }
    }

    private mutating func add(
        _ operation: JSON, _ method: String, _ path: String, _ others: Set<String>, _ finish: (JSON) -> JSON
    ) {
        let place = "\(method.uppercased()) \(path)"
        let id = operation["operationId"]?.string
        if let other = id.flatMap({ operations[$0] }) {
            conflicts.append(RouteConflict("The operation id \(id ?? "") is used for both \(other) and \(place)."))
        } else if paths[path]?[method] != nil {
            conflicts.append(RouteConflict("\(place) is declared twice."))
        } else if let name = OpenAPI.references(in: operation).intersection(others).min() {
            conflicts.append(RouteConflict("\(place) means another schema by \(name)."))
        } else {
            if let id { operations[id] = place }
            paths[path, default: [:]][method] = finish(operation)
        }
    }

    /// The names of a document's schemas that are taken for others, and of those that refer to them.
    private mutating func meaningSomethingElse(_ given: JSONObject) -> Set<String> {
        var others: Set<String> = []
        for (name, definition) in given where schemas[name].map({ $0 != definition }) == true {
            conflicts.append(RouteConflict("The schema name \(name) is used for two different schemas."))
            others.insert(name)
        }
        while !others.isEmpty {
            let more = given.filter { member in
                !others.contains(member.name) && !OpenAPI.references(in: member.value).isDisjoint(with: others)
            }
            guard !more.isEmpty else { break }
            others.formUnion(more.map(\.name))
        }
        return others
    }

    func document(_ info: OpenAPI.Info) -> JSON {
        OpenAPI.document(
            info, JSONObject(paths.sorted { $0.key < $1.key }.map { ($0.key, .object($0.value)) }),
            JSONObject(schemas.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
    }
}
