// Both SDKs' day at the sandbox.
import { day as alipay } from './alipay.mjs';
import { say } from './story.mjs';
import { day as wechat } from './wechat.mjs';

for (const told of await Promise.all([wechat(), alipay()])) say(told);
