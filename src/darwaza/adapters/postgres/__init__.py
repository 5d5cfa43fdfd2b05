"""The store on PostgreSQL, for gateways past one machine; needs ``darwaza[postgres]``."""
