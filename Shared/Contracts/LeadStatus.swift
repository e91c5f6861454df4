import Entities

/// How far somebody who may become a customer has come 线索状态.
public enum LeadStatus: String, Sendable, Hashable, CaseIterable {
    case new, contacted, qualifying, qualified, converted, disqualified
}

extension LeadStatus: LabelledChoice {
    public var labels: (zh: String, en: String) {
        switch self {
        case .new: ("新建", "New")
        case .contacted: ("已联系", "Contacted")
        case .qualifying: ("核实中", "Qualifying")
        case .qualified: ("有效", "Qualified")
        case .converted: ("已转化", "Converted")
        case .disqualified: ("无效", "Disqualified")
        }
    }
}
