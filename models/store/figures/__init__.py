"""What is counted: of the centre (KPI), of satisfaction, of ourselves."""
