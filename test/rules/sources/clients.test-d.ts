import { S3 } from '@aws-sdk/client-s3';
import { Client } from 'pg';
import { createClient, createCluster, createSentinel } from 'redis';
import { describe, expectTypeOf, test } from 'vitest';
import { type PostgresClient, postgresRules } from '../../../src/rules/sources/postgres.ts';
import { type RedisClient, redisRules } from '../../../src/rules/sources/redis.ts';
import { type S3Client, s3Rules } from '../../../src/rules/sources/s3.ts';

describe('the clients of the packages are what is asked for', () => {
  test('redis', () => {
    redisRules('redis://a.example#key', { create: () => createClient() });
    redisRules('redis://a.example#key', { create: () => createCluster({ rootNodes: [] }) });
    redisRules('redis://a.example#key', {
      create: () => createSentinel({ name: 'a', sentinelRootNodes: [] }),
    });
    expectTypeOf(createClient()).toExtend<RedisClient>();
  });

  test('pg', () => {
    postgresRules('postgres://a.example/acme', { create: () => new Client() });
    expectTypeOf<Client>().toExtend<PostgresClient>();
  });

  test('@aws-sdk/client-s3', () => {
    s3Rules('s3://acme/turnout.yaml', { client: new S3({}) });
    expectTypeOf<S3>().toExtend<S3Client>();
  });
});
