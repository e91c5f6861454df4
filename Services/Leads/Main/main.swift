import Leads
