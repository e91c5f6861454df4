import JSON

/// A body for every operation that makes something or acts on something: one story, from the tenant to the contract. It
/// is told here and not in the services, as it goes through all of them; the platform's tests play it.
enum Examples {
    /// The document with an example in each JSON body that has none of its own.
    static func add(to document: JSON) -> JSON {
        var document = document
        for (path, item) in document["paths"]?.object ?? [:] {
            for (method, operation) in item.object ?? [:] {
                let media = operation["requestBody"]?["content"]?["application/json"]
                guard let media, media["example"] == nil,
                    let example = operation["operationId"]?.string.flatMap({ bodies[$0] })
                else { continue }
                document["paths"]?[path]?[method]?["requestBody"]?["content"]?["application/json"]?["example"] = example
            }
        }
        return document
    }

    /// Bodies by operation id.
    static let bodies: [String: JSON] = gateway.merging(leads) { $1 }.merging(customers) { $1 }
        .merging(opportunities) { $1 }.merging(fields) { $1 }

    private static let gateway: [String: JSON] = [
        "createTenant": [
            "slug": "example", "name": "Example Machines", "timeZone": "Asia/Shanghai", "currency": "CNY",
            "industry": "manufacturing",
        ],
        "createTenantApiKey": ["name": "Setting up", "role": "admin"],
        "createApiKey": ["name": "ERP", "role": "operations", "scopes": ["orders.read", "orders.write"]],
        "createTeam": ["name": "North", "region": "North"], "bulkCreateTeam": [["name": "South", "region": "South"]],
        "createUser": user("north", "North"), "bulkCreateUser": [user("south", "South")],
        "createBusinessLine": ["key": "machines", "name": "Machines"],
        "bulkCreateBusinessLine": [["key": "service", "name": "Service"]],
        "setPassword": ["password": .string(password)],
        "redeemPasswordReset": ["token": "gxp_…", "password": .string(password)],
        "changePassword": ["currentPassword": .string(password), "password": "four other words of yours"],
        "createSession": ["tenant": "example", "user": "sales.north", "password": .string(password)],
        "refreshSession": ["refreshToken": "gxr_…"],
        "redriveDeadLetters": ["service": "analytics", "tenant": "example"],
    ]

    private static let leads: [String: JSON] = [
        "createSource": ["key": "fair", "name": "Trade fair", "kind": "event", "lawfulBasis": "consent at the booth"],
        "createGradeRule": [
            "name": "Large company", "when": ["field": "employees", "op": "gte", "value": 500], "points": 30,
        ],
        "putGradeThresholds": ["a": 80, "b": 60, "c": 40],
        "createAssignmentRule": [
            "name": "The north in turn", "position": 1,
            "when": ["field": "region", "op": "eq", "value": "North"],
            "assign": ["teamId": .string(someID), "strategy": "roundRobin"],
        ],
        "dryRunAssignment": lead,
        "createLead": lead, "bulkCreateLead": [lead], "putLeadByExternalId": lead,
        "addLeadActivity": ["kind": "call", "text": "Asked for a quotation.", "outcome": "Interested"],
        "setLeadStatus": ["status": "contacted", "reason": "Called back"],
        "assignLead": ["ownerId": .string(someID), "reason": "Knows the region"],
        "qualifyLead": [:], "gradeLead": [:],
        "disqualifyLead": ["reason": "No budget this year"],
        "convertLead": ["opportunity": ["name": "Two presses", "amount": amount]],
        "putDuplicatePolicy": ["policy": "link", "keys": ["creditCode", "phone"], "windowDays": 90],
    ]

    private static let customers: [String: JSON] = [
        "createAccount": account.setting(["externalSystem": "erp", "externalId": "C-1001"]),
        "bulkCreateAccount": [account.setting(["externalSystem": "erp", "externalId": "C-1001"])],
        "putAccountByExternalId": account,
        "putAccountDuplicatePolicy": ["policy": "block", "keys": ["creditCode", "name"]],
        "createContact": contact, "bulkCreateContact": [contact], "putContactByExternalId": contact,
        "createOrder": order.setting(["externalSystem": "erp", "externalId": "SO-2001"]),
        "bulkCreateOrder": [order.setting(["externalSystem": "erp", "externalId": "SO-2001"])],
        "putOrderByExternalId": order,
        "putLifecyclePolicy": [
            "stableFromOrder": 3, "atRiskAfterDays": 120, "lostAfterDays": 365, "highValueFrom": amount,
        ],
    ]

    private static let opportunities: [String: JSON] = [
        "createProduct": product("200"), "bulkCreateProduct": [product("300"), product("400")],
        "putProductByExternalId": product("500"),
        "createPipeline": ["name": "Projects", "template": "project"],
        "migratePipeline": ["mapping": ["discussion": "solution"]],
        "createTarget": ["period": "2026-Q4", "amount": amount],
        "createOpportunity": deal, "bulkCreateOpportunity": [deal], "putOpportunityByExternalId": deal,
        "addOpportunityActivity": ["kind": "visit", "text": "Showed the press at work.", "outcome": "Wants an offer"],
        "assignOpportunity": ["ownerId": .string(someID), "reason": "Knows the customer"],
        "moveOpportunity": ["stage": "proposal", "reason": "The offer is out"],
        "registerOpportunity": ["days": 60],
        "arbitrateOpportunity": ["reason": "Was there first"],
        "winOpportunity": ["amount": amount],
        "loseOpportunity": ["reason": "Price", "competitor": "Another maker", "nurtureOn": "2027-03-01"],
        "reopenOpportunity": ["reason": "Asked again"],
        "createContract": contract, "bulkCreateContract": [contract], "putContractByExternalId": contract,
        "forecastWhatIf": ["period": "2026-Q4", "target": amount],
    ]

    /// A tenant's own fields of whatever has them.
    private static let fields = Dictionary(
        uniqueKeysWithValues: ["Lead", "Opportunity", "Product", "Contract", "Account", "Contact", "Order"].map {
            ("put\($0)CustomField", field)
        })

    // MARK: - Who and what it is about

    private static let someID = "01890a5d-ac96-774b-bcce-b302099a8057"
    private static let password = "four words of your own"
    private static let amount: JSON = ["amount": "250000.00", "currency": "CNY"]
    private static func user(_ key: String, _ name: String) -> JSON {
        [
            "login": .string("sales.\(key)"), "name": .string("Sales \(name)"),
            "email": .string("\(key)@example.com"), "role": "sales", "language": "zh",
        ]
    }
    private static let lead: JSON = [
        "company": "Example Trading", "title": "Purchasing", "phone": "+86 21 5550 0100",
        "email": "purchasing@example.com", "region": "North", "employees": 800, "need": "Two presses for a new hall",
        "amount": amount, "source": "fair",
    ]
    private static let account: JSON = [
        "name": "Example Trading", "kind": "company", "industry": "Packaging", "employees": 800, "country": "CN",
        "website": "https://example.com",
    ]
    private static let contact: JSON = [
        "name": "Purchasing department", "phone": "+86 21 5550 0100", "accountExternalSystem": "erp",
        "accountExternalId": "C-1001",
    ]
    private static let order: JSON = [
        "accountExternalSystem": "erp", "accountExternalId": "C-1001", "orderedOn": "2026-11-02", "amount": amount,
        "channel": "direct",
    ]
    private static let field: JSON = [
        "type": "integer", "labels": ["zh": "厂房面积", "en": "Floor area"], "help": "In square metres.", "minimum": 1,
        "maximum": 1_000_000,
    ]
    /// A name means one product.
    private static func product(_ number: String) -> JSON {
        [
            "name": .string("Press P\(number)"), "series": "P",
            "listPrice": ["amount": "125000.00", "currency": "CNY"], "aliases": [.string("P-\(number)")],
        ]
    }
    private static let deal: JSON = [
        "name": "Two presses", "amount": amount, "expectedCloseDate": "2026-12-15", "source": "fair",
    ]
    private static let contract: JSON = [
        "opportunityId": .string(someID), "number": "K-2026-17", "amount": amount, "signedOn": "2026-11-20",
        "payments": [["dueOn": "2027-01-31", "amount": amount]],
    ]
}

extension JSON {
    fileprivate func setting(_ more: JSONObject) -> JSON {
        more.reduce(into: self) { $0[$1.name] = $1.value }
    }
}
