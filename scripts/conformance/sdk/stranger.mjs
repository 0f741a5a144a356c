// The same SDKs where the sandbox's authority is not trusted.
import { stranger as alipay } from './alipay.mjs';
import { say } from './story.mjs';
import { stranger as wechat } from './wechat.mjs';

for (const told of await Promise.all([wechat(), alipay()])) say(told);
