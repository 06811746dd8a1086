"""The business data of a lender: branches, customers, cards, loans, payouts and the ledger."""
