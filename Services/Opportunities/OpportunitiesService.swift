// Opportunities
