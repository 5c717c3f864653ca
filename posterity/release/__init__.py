"""The path of a version into production: staging, approval, promotion, rollback."""
