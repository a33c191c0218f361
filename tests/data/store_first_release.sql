BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE api_keys (
	id VARCHAR(12) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	secret_sha256 VARCHAR(64) NOT NULL, 
	scopes VARCHAR(100) NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	revoked_at_ms BIGINT, 
	CONSTRAINT pk_api_keys PRIMARY KEY (id)
);
INSERT INTO "api_keys" VALUES('a1b2c3d4e5f6','旗舰店客服插件','0000000000000000000000000000000000000000000000000000000000000000','feedback recommend',1764000000000,NULL);
CREATE TABLE chats_to_label (
	id INTEGER NOT NULL, 
	text_sha256 VARCHAR(64) NOT NULL, 
	redacted_text TEXT NOT NULL, 
	source VARCHAR(200) NOT NULL, 
	added_at_ms BIGINT NOT NULL, 
	suggested_issue VARCHAR(64), 
	suggested_customer VARCHAR(64), 
	issue VARCHAR(64), 
	secondary VARCHAR(300), 
	customer VARCHAR(64), 
	labelled_by VARCHAR(12), 
	labelled_at_ms BIGINT, 
	CONSTRAINT pk_chats_to_label PRIMARY KEY (id), 
	CONSTRAINT uq_chats_to_label_text_sha256 UNIQUE (text_sha256)
);
INSERT INTO "chats_to_label" VALUES(1,'2222222222222222222222222222222222222222222222222222222222222222','涨袋了，打我电话[手机号]','feedback',1764000002000,'spoilage',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE feedback (
	id VARCHAR(32) NOT NULL, 
	received_at_ms BIGINT NOT NULL, 
	owner VARCHAR(12) NOT NULL, 
	idempotency_key VARCHAR(100) NOT NULL, 
	request_sha256 VARCHAR(64) NOT NULL, 
	recommendation_id VARCHAR(32) NOT NULL, 
	template_id VARCHAR(100), 
	redacted_edited_text TEXT, 
	issue VARCHAR(64), 
	customer VARCHAR(64), 
	amount_paid_fen BIGINT, 
	outcome VARCHAR(32), 
	CONSTRAINT pk_feedback PRIMARY KEY (id), 
	CONSTRAINT uq_feedback_owner_idempotency_key UNIQUE (owner, idempotency_key)
);
INSERT INTO "feedback" VALUES('cccccccccccccccccccccccccccccccc',1764000002000,'a1b2c3d4e5f6','k-1','1111111111111111111111111111111111111111111111111111111111111111','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bulging.resolve.4',NULL,'spoilage',NULL,300,'accepted');
CREATE TABLE recommendations (
	id VARCHAR(32) NOT NULL, 
	made_at_ms BIGINT NOT NULL, 
	owner VARCHAR(12) NOT NULL, 
	model_version VARCHAR(64) NOT NULL, 
	redacted_message TEXT NOT NULL, 
	issue VARCHAR(64) NOT NULL, 
	issue_confidence FLOAT NOT NULL, 
	customer VARCHAR(64) NOT NULL, 
	customer_confidence FLOAT NOT NULL, 
	review_needed BOOLEAN NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	template_ids JSON NOT NULL, 
	remedy VARCHAR(32), 
	compensation_min_fen BIGINT, 
	compensation_max_fen BIGINT, 
	CONSTRAINT pk_recommendations PRIMARY KEY (id)
);
INSERT INTO "recommendations" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1764000000000,'a1b2c3d4e5f6','20261121T193507814-3e52efd6','涨袋了，打我电话[手机号]','bulging',0.93,'calm',0.9,0,'resolve','["bulging.resolve.4"]','cash',300,300);
INSERT INTO "recommendations" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1764000001000,'','20261121T193507814-3e52efd6','怎么还没发货','late_shipping',0.88,'urgent',0.7,1,'verify','[]',NULL,NULL,NULL);
CREATE TABLE template_counts (
	template_id VARCHAR(100) NOT NULL, 
	offered BIGINT NOT NULL, 
	chosen BIGINT NOT NULL, 
	edited BIGINT NOT NULL, 
	CONSTRAINT pk_template_counts PRIMARY KEY (template_id)
);
INSERT INTO "template_counts" VALUES('bulging.resolve.4',1,1,0);
CREATE INDEX ix_chats_to_label_labelled_at_ms ON chats_to_label (labelled_at_ms);
CREATE INDEX ix_feedback_received_at_ms ON feedback (received_at_ms);
CREATE INDEX ix_feedback_recommendation_id ON feedback (recommendation_id);
CREATE INDEX ix_recommendations_made_at_ms ON recommendations (made_at_ms);
COMMIT;
